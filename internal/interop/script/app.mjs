// The app as every section of the script uses it: through the SDK, or by plain
// requests. What it is asked with ask is written down in the end, so that the
// same questions can be put to another server on the same database.
import { writeFileSync } from 'node:fs';
import { require } from './reference.mjs';

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run "go test ./internal/interop"`);
  return value;
}

export const url = required('INTEROP_URL');
export const Parse = require('parse/node');
Parse.initialize('app', undefined, 'master');
Parse.serverURL = url;

export const asMaster = { useMasterKey: true };

// people are the users who stay, by the name that questions call them by:
// {id, username, password, token}.
export const people = {};

export const as = name => ({ sessionToken: people[name].token });

function credentials(who) {
  if (who === 'master') return { 'X-Parse-Master-Key': 'master' };
  if (who === 'public') return {};
  return { 'X-Parse-Session-Token': people[who]?.token ?? who };
}

// request answers {status, headers, body}. who is master, public, one of
// people, or a session token.
export async function request(method, path, { who = 'master', params = {}, body, headers = {} } = {}) {
  const address = new URL(url + path);
  for (const [name, value] of Object.entries(params)) {
    address.searchParams.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  const raw = body instanceof Uint8Array;
  const response = await fetch(address, {
    method,
    headers: {
      'X-Parse-Application-Id': 'app',
      ...(body !== undefined && !raw && { 'Content-Type': 'application/json' }),
      ...credentials(who),
      ...headers,
    },
    body: body === undefined || raw ? body : JSON.stringify(body),
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const json = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(Buffer.from(bytes)) : bytes };
}

// rest is request for what must succeed; it returns the answer's body.
export async function rest(method, path, options) {
  const { status, body } = await request(method, path, options);
  if (status >= 400) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
  return body;
}

const questions = [];

// ask reads, and has the question put to the other server as well.
export async function ask(path, params = {}, who = 'master') {
  const body = await rest('GET', path, { who, params });
  questions.push({ path, who, params: Object.entries(params).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`) });
  return body;
}

// find asks for the objects of a class.
export async function find(className, where, params = {}, who = 'master') {
  const { results } = await ask(`/classes/${className}`, { ...(where && { where }), ...params }, who);
  return results;
}

// names are the values of one field, name unless said otherwise.
export async function names(className, where, params = {}, who = 'master') {
  return (await find(className, where, { order: 'name', ...params }, who)).map(o => o.name);
}

// save makes objects of a class, one after the other, and returns them by name.
export async function save(className, ...objects) {
  const made = {};
  for (const object of objects) {
    const { objectId } = await rest('POST', `/classes/${className}`, { body: object });
    made[object.name] = { __type: 'Pointer', className, objectId };
  }
  return made;
}

export function writeDown() {
  writeFileSync(required('INTEROP_RECORD'), JSON.stringify({ people, questions }));
}
