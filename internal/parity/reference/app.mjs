// Serves one app of apps.mjs until the parent process goes:
// node app.mjs <name> <port> <database URI>. A DELETE of the root empties the
// app's database, so that every scenario finds it as new.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import express from 'express';
import { ParseServer } from 'parse-server';
import { apps } from './apps.mjs';

const [name, port, databaseURI] = process.argv.slice(2);
const url = `http://127.0.0.1:${port}/parse`;
// Files go into a directory that the machine's next start empties.
process.chdir(mkdtempSync(path.join(tmpdir(), 'parity-files-')));
const options = { ...apps[name] };
if (options.emailAdapter) {
  // Where Loam keeps mail in its inbox, the reference throws it away: scenarios
  // read from the user's row what a mail would say.
  options.emailAdapter = { sendMail: async () => {} };
  options.publicServerURL = url;
}
const server = new ParseServer({
  filesAdapter: '@parse/fs-files-adapter',
  ...options,
  appId: name,
  databaseURI,
  serverURL: url,
  logsFolder: null,
  silent: true,
  logLevel: 'error',
});
await server.start();

async function empty(request, response) {
  const { databaseController, cacheController } = server.config;
  await databaseController.deleteEverything();
  await databaseController.performInitialization();
  await cacheController.clear();
  response.json({});
}

const http = express().delete('/', empty).use('/parse', server.app);
http.listen(Number(port), '127.0.0.1', () => process.send(url));
process.on('disconnect', () => process.exit(0));
