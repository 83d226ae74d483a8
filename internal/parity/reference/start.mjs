// Starts the reference that parity scenarios are recorded from: parse-server on
// a private PostgreSQL cluster. It prints one line of JSON, {"<app>":"<url>",…},
// when all apps can be asked, and ends, leaving nothing behind, on SIGINT and
// SIGTERM.
//
//   REFERENCE_PORT           port of the first app, on loopback (1337); the next has the next
//   REFERENCE_POSTGRES_PORT  port of PostgreSQL, on loopback (54329)
//   REFERENCE_POSTGRES_BIN   directory of initdb and postgres (Debian's newest)
//   REFERENCE_MONGODB        URI of a MongoDB, without a database, to use instead
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { apps } from './apps.mjs';
import { mongoDatabase, startDatabase } from './database.mjs';

const firstPort = Number(process.env.REFERENCE_PORT ?? 1337);
const databasePort = Number(process.env.REFERENCE_POSTGRES_PORT ?? 54329);

const mongo = process.env.REFERENCE_MONGODB;
const database = mongo ? mongoDatabase(mongo) : await startDatabase(databasePort, process.env.REFERENCE_POSTGRES_BIN);
const children = new Map();
let stopping = false;

async function stop(status) {
  if (stopping) return;
  stopping = true;
  const gone = [...children.values()].filter(child => child.exitCode === null && child.signalCode === null).map(child => once(child, 'exit'));
  for (const child of children.values()) child.kill('SIGKILL');
  await Promise.all(gone);
  await database.stop();
  process.exit(status);
}
process.on('SIGINT', () => stop(0)).on('SIGTERM', () => stop(0));

// Requests exist from which parse-server dies; the app is up again for the next.
async function serve(name, port) {
  const child = fork(
    fileURLToPath(new URL('app.mjs', import.meta.url)),
    [name, String(port), database.uri(name)],
    // The folder in the options comes too late for the first log line.
    { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env: { ...process.env, PARSE_SERVER_LOGS_FOLDER: 'null' } },
  );
  children.set(name, child);
  const gone = once(child, 'exit').then(() => {
    throw new Error(`app ${name} did not start`);
  });
  const [url] = await Promise.race([once(child, 'message'), gone]);
  gone.catch(() => stopping || serve(name, port).catch(() => stop(1)));
  return url;
}

try {
  const urls = {};
  for (const [index, name] of Object.keys(apps).entries()) {
    await database.create(name);
    urls[name] = await serve(name, firstPort + index);
  }
  console.log(JSON.stringify(urls));
} catch (error) {
  console.error(error);
  await stop(1);
}
