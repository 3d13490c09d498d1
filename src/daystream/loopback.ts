/** What stays on this machine: nobody else can read along there. */
import { BlockList, isIP, isIPv6 } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

export function isLoopback(ip: string): boolean {
  return loopback.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4');
}

/** Whether a URL's host, or that of a Host header, is this machine by the name itself, whatever a name server says. */
export function isLocalName(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return name === 'localhost' || (isIP(name) !== 0 && isLoopback(name));
}
