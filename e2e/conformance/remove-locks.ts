// Takes Web Locks from this global, as they are missing outside secure contexts and in old browsers.
Object.defineProperty(navigator, "locks", { value: undefined });
export {};
