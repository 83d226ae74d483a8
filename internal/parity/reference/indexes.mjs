// Starts parse-server on the MongoDB database of a URI, makes classes with fields
// and indexes of every kind, and prints the commands that made collections and
// indexes, as a JSON array on the last line, in the order in which they were sent:
// node indexes.mjs <uri>
import express from 'express';
import { createServer } from 'node:net';
import { MongoClient } from 'mongodb';
import { ParseServer } from 'parse-server';

const making = ['create', 'createIndexes'];
const commands = [];
const { connect } = MongoClient.prototype;
MongoClient.prototype.connect = function (...args) {
  this.on('commandStarted', ({ commandName, command }) => {
    if (!making.includes(commandName)) return;
    const { $db, lsid, $clusterTime, ...rest } = command;
    commands.push(rest);
  });
  return connect.apply(this, args);
};

async function freePort() {
  const listener = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => listener.once('listening', resolve));
  const { port } = listener.address();
  await new Promise(resolve => listener.close(resolve));
  return port;
}

const port = await freePort();
const serverURL = `http://127.0.0.1:${port}/parse`;
const server = new ParseServer({
  appId: 'app',
  masterKey: 'master',
  databaseURI: process.argv[2],
  databaseOptions: { monitorCommands: true },
  auth: { github: { clientId: 'id', clientSecret: 'secret' } },
  allowClientClassCreation: true,
  serverURL,
  logsFolder: null,
  silent: true,
  logLevel: 'error',
});
await server.start();
express().use('/parse', server.app).listen(port, '127.0.0.1');

async function ask(method, path, body) {
  const headers = { 'X-Parse-Application-Id': 'app', 'X-Parse-Master-Key': 'master', 'Content-Type': 'application/json' };
  const response = await fetch(serverURL + path, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
}

await ask('POST', '/schemas/Place', {
  className: 'Place',
  fields: {
    name: { type: 'String' },
    where: { type: 'GeoPoint' },
    area: { type: 'Polygon' },
    owner: { type: 'Pointer', targetClass: '_User' },
    visitors: { type: 'Relation', targetClass: '_User' },
  },
  indexes: {
    by_name: { name: 1 },
    by_owner_and_name: { _p_owner: 1, name: -1 },
    name_text: { name: 'text' },
    where_2dsphere: { where: '2dsphere' },
  },
});
await ask('PUT', '/schemas/Place', {
  className: 'Place',
  fields: { outline: { type: 'Polygon' } },
  indexes: { by_creation: { createdAt: -1 } },
});
const polygon = { __type: 'Polygon', coordinates: [[0, 0], [0, 1], [1, 1], [1, 0]] };
const point = { __type: 'GeoPoint', latitude: 1, longitude: 2 };
await ask('POST', '/classes/Saved', { area: polygon, where: point, text: 'made by saving' });

// The driver keeps an index's keys in a Map, for their order.
const plain = (_, value) => (value instanceof Map ? Object.fromEntries(value) : value);
process.stdout.write(`\n${JSON.stringify(commands, plain)}\n`, () => process.exit(0));
