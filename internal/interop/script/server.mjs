// Serves the app on the database that the command line names, and says so on
// standard output, until standard input ends:
// node server.mjs <port> <MongoDB URI>
import { require } from './reference.mjs';

const express = require('express');
const { ParseServer } = require('parse-server');

const [port, databaseURI] = process.argv.slice(2);
const server = new ParseServer({
  appId: 'app',
  masterKey: 'master',
  databaseURI,
  serverURL: `http://127.0.0.1:${port}/parse`,
  allowClientClassCreation: true,
  fileUpload: { enableForPublic: true, fileExtensions: ['*'] },
  idempotencyOptions: { paths: ['classes/Once'], ttl: 300 },
  databaseOptions: { allowPublicExplain: true },
  verifyServerUrl: false,
  silent: true,
  logLevel: 'error',
});
await server.start();

// After some errors parse-server closes connections that clients were told to
// keep, so none is kept.
const brief = (request, response, next) => { response.set('Connection', 'close'); next(); };
const http = express().use(brief).use('/parse', server.app);
http.listen(Number(port), '127.0.0.1', () => console.log('ready'));

process.stdin.resume().on('end', async () => {
  await server.config.databaseController.adapter.handleShutdown();
  process.exit(0);
});
