// A private PostgreSQL cluster with PostGIS, in a temporary directory.
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';

function newestPostgres() {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).map(Number).sort((a, b) => b - a) : [];
  if (versions.length === 0) throw new Error('PostgreSQL is missing: install postgresql and postgis');
  return path.join(root, String(versions[0]), 'bin');
}

// PostgreSQL refuses to run as root, so root becomes the user that Debian's
// package made.
function unprivileged() {
  if (process.getuid() !== 0) return {};
  const id = flag => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

// startDatabase resolves, once the cluster answers, to what creates databases
// in it and what stops it and removes its files. Nothing in it is meant to last,
// unless settings say more.
export async function startDatabase(port, bin = newestPostgres(), more = {}) {
  const user = unprivileged();
  const directory = mkdtempSync(path.join(tmpdir(), 'parity-reference-'));
  if (user.uid) chownSync(directory, user.uid, user.gid);
  const options = { ...user, cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] };
  const data = path.join(directory, 'data');
  const made = spawnSync(
    path.join(bin, 'initdb'),
    ['-D', data, '-U', 'parity', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
    options,
  );
  if (made.status !== 0) throw new Error('initdb failed');

  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: directory,
    fsync: 'off',
    full_page_writes: 'off',
    synchronous_commit: 'off',
    log_min_messages: 'panic',
    ...more,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // Its own session, so that a Ctrl-C at the terminal leaves its end to stop.
  const child = spawn(path.join(bin, 'postgres'), ['-D', data, ...flags], { ...options, detached: true });
  const ended = new Promise(resolve => child.once('exit', resolve));
  const early = ended.then(() => {
    throw new Error('PostgreSQL ended early');
  });
  const connection = database => ({ host: '127.0.0.1', port, user: 'parity', database });
  await Promise.race([answer(connection('postgres')), early]);
  early.catch(() => {});

  const run = async (database, statement) => {
    const client = new pg.Client(connection(database));
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  return {
    pid: child.pid,
    uri: name => `postgres://parity@127.0.0.1:${port}/${name}`,
    run,
    async create(name) {
      await run('postgres', `CREATE DATABASE ${name}`);
      await run(name, 'CREATE EXTENSION postgis');
    },
    async stop() {
      child.kill('SIGINT');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

// mongoDatabase is a MongoDB that runs already, where databases make themselves.
export function mongoDatabase(uri) {
  return { uri: name => `${uri}/${name}?directConnection=true`, async create() {}, async stop() {} };
}

async function answer(connection) {
  for (let attempt = 0; attempt < 300; attempt++) {
    const client = new pg.Client(connection);
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  }
  throw new Error('PostgreSQL does not answer');
}
