export declare const CHECKSUMS: Readonly<Record<string, { before: string; after: string }>>;
export declare function sha256(bytes: Uint8Array): string;
export declare function binaryName(): string;
export declare function retarget(original: Buffer): Buffer;
export declare function retargetPackage(place: { from: string; to: string; name?: string }): void;
