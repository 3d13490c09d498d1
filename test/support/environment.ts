/** Environment variables for as long as `work` runs; undefined: not set. */
export function withEnvironment(variables: Readonly<Record<string, string | undefined>>, work: () => void): void {
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  const set = (values: Readonly<Record<string, string | undefined>>) => {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  set(variables);
  try {
    work();
  } finally {
    set(before);
  }
}
