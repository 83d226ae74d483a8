// Serves the app on the database that the command line names, and says so on
// standard output, until standard input ends:
// node server.mjs <port> <MongoDB URI>
import { require } from './reference.mjs';

const express = require('express');
const { ParseServer } = require('parse-server');

const [port, databaseURI] = process.argv.slice(2);
async function sendNothing() {}

const server = new ParseServer({
  appId: 'app',
  masterKey: 'master',
  databaseURI,
  serverURL: `http://127.0.0.1:${port}/parse`,
  publicServerURL: `http://127.0.0.1:${port}/parse`,
  appName: 'Interchange',
  allowClientClassCreation: true,
  fileUpload: { enableForPublic: true, fileExtensions: ['*'] },
  idempotencyOptions: { paths: ['classes/Once'], ttl: 300 },
  databaseOptions: { allowPublicExplain: true, enableSchemaHooks: true },
  // What leaves marks on people.
  verifyUserEmails: true,
  emailAdapter: { sendVerificationEmail: sendNothing, sendPasswordResetEmail: sendNothing, sendMail: sendNothing },
  emailVerifyTokenValidityDuration: 3600,
  accountLockout: { threshold: 4, duration: 60 },
  passwordPolicy: { maxPasswordHistory: 3, maxPasswordAge: 365, resetTokenValidityDuration: 3600 },
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

process.stdin.resume().on('end', () => process.exit(0));
