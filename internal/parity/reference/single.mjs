// Serves one parse-server for the benchmarks, until its standard input ends:
// node single.mjs '{"port": …, …parse-server's options}'. Without a databaseURI
// it starts a PostgreSQL of its own, which syncs as a server in production
// does. It prints a line of JSON, {"pid":…, "database":…}, when it can be asked.
import express from 'express';
import { ParseServer } from 'parse-server';
import { startDatabase } from './database.mjs';

const { port, databasePort, indexes = [], ...options } = JSON.parse(process.argv[2]);
let database;
if (!options.databaseURI) {
  database = await startDatabase(databasePort, undefined, { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' });
  await database.create('bench');
  options.databaseURI = `postgres://parity@127.0.0.1:${databasePort}/bench`;
}
const server = new ParseServer({ ...options, logsFolder: null, silent: true, logLevel: 'error' });
await server.start();
const http = express()
  .post('/index', async (_, response) => {
    for (const statement of indexes) await database?.run('bench', statement);
    response.json({});
  })
  .use('/parse', server.app)
  .listen(port, '127.0.0.1', () => console.log(JSON.stringify({ pid: process.pid, database: database?.pid })));
process.stdin.resume().on('end', async () => {
  http.closeAllConnections();
  await database?.stop();
  process.exit(0);
});
