/** CPU milliseconds of the process since its start, user and system, all threads: compiler and collector count. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
