/** `daystream serve`: its command line. What it runs is loaded when it is asked for. */
import { hostAndPort, oneLine, type command, type HostAndPort } from '../cli.js';
import { readToken } from '../daystream/token.js';
import { DeltaError } from '../errors.js';

type Program = ReturnType<typeof command>;

const LISTEN: HostAndPort = { host: '127.0.0.1', port: 7070 };

interface Given {
  readonly listen?: HostAndPort;
  readonly tokenFile?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly insecure?: true;
  readonly accessLog?: true;
  readonly metrics?: HostAndPort;
}

/** Adds the subcommand. */
export function addServe(program: Program, folder: Parameters<Program['addArgument']>[0]): void {
  program.command('serve')
    .description('Gives the log to readers by HTTP: whole files, parts of them, and what is new at the moment it is written.')
    .addArgument(folder)
    .option('--listen <host:port>', 'where; other than on loopback only with a token and TLS, or --insecure; default: 127.0.0.1:7070', hostAndPort)
    .option('--token-file <file>', 'readers have to show the token in the first line of this file; else the one in DAYSTREAM_TOKEN')
    .option('--tls-cert <file>', 'certificate with its chain, PEM; a renewed one is taken over within a minute')
    .option('--tls-key <file>', 'its key, PEM')
    .option('--insecure', 'listen anywhere, also without a token or TLS')
    .option('--access-log', 'print a line for each answer on stdout')
    .option('--metrics <host:port>', 'serve metrics for Prometheus there, under /metrics (127.0.0.1:9187)', hostAndPort)
    .addHelpText('after', `
Examples:
  daystream serve /var/daystream                            for this machine, and for a proxy on it
  daystream serve --listen 0.0.0.0:7070 --token-file token --tls-cert cert.pem --tls-key key.pem /var/daystream`)
    .action(start);
}

async function start(folder: string, given: Given): Promise<void> {
  const { tlsCert: cert, tlsKey: key } = given;
  if ((cert === undefined) !== (key === undefined)) throw new DeltaError('usage', '--tls-cert and --tls-key: one is nothing without the other', { hint: 'give both' });
  const { serve } = await import('./serve.js');
  const tell = (text: string) => process.stderr.write(`daystream: ${oneLine(text)}\n`);
  const stopped = new Promise<void>((resolve) => { for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve()); });
  process.stdout.on('error', () => {}); // whoever took the access log is gone: readers are not
  const serving = await serve({
    folder, tell,
    listen: given.listen ?? LISTEN,
    token: readToken(given.tokenFile),
    tls: cert === undefined || key === undefined ? undefined : { cert, key },
    insecure: given.insecure === true,
    ...(given.accessLog === true && { accessLog: (line: string) => { process.stdout.write(line); } }),
  });
  const page = given.metrics && await (await import('./meters.js')).serveMetrics(serving, given.metrics);
  tell(`serving ${folder} on ${serving.url}`);
  if (page !== undefined) tell(`metrics on ${page.url}`);
  await stopped;
  page?.close();
  await serving.stop();
}
