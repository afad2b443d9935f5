export type ToolName = 'ffmpeg' | 'nginx' | 'chromium';
export type PackageFamily = 'debian' | 'fedora' | 'arch' | 'brew';
export declare const TOOLS: Readonly<Record<ToolName, { readonly programs: readonly string[] }>>;
export declare function findTool(name: ToolName, folders?: readonly string[]): string | undefined;
export declare function packageFamily(
  platform: string,
  osRelease: string,
): PackageFamily | undefined;
export declare function ensureTools(system: {
  readonly folders: readonly string[];
  readonly family: PackageFamily | undefined;
  readonly root: boolean;
  readonly run: (command: string, args: string[]) => boolean;
  readonly say: (line: string) => void;
}): boolean;
