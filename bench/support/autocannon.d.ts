/** The part of autocannon that profile.ts calls; the package brings no types. */
declare module 'autocannon' {
  interface Result {
    readonly '2xx': number;
    readonly non2xx: number;
    readonly errors: number; // sockets that failed
    readonly requests: { readonly average: number }; // a second
  }
  export default function autocannon(options: {
    url: string;
    connections: number;
    duration: number; // seconds
    requests: { method: 'GET'; path: string }[];
  }): Promise<Result>;
}
