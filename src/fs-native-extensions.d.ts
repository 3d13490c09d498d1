declare module 'fs-native-extensions' {
  /** Tries for a lock on the whole file, exclusive unless it is to be `shared`; false when another open file description holds one that does not go with it. */
  export function tryLock(fd: number, options?: { readonly shared?: boolean }): boolean;
}
