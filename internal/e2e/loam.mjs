// The SDK as every test file uses it, pointed at the server that the
// environment names.
import Parse from 'parse/node';

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run "go test ./internal/e2e"`);
  return value;
}

export const url = required('LOAM_URL');
export const appId = required('LOAM_APP_ID');
export const masterKey = required('LOAM_MASTER_KEY');

// other is a second app, which asks clients for a JavaScript key and lets them
// make no classes.
export const other = {
  url: required('LOAM_OTHER_URL'),
  appId: required('LOAM_OTHER_APP_ID'),
  javascriptKey: required('LOAM_OTHER_JAVASCRIPT_KEY'),
  masterKey: required('LOAM_OTHER_MASTER_KEY'),
};

export function initialize(app = { url, appId, masterKey }) {
  Parse.initialize(app.appId, app.javascriptKey, app.masterKey);
  Parse.serverURL = app.url;
}

initialize();

export const asMaster = { useMasterKey: true };

// The tests were first run against parse-server on PostgreSQL, which answers a
// few questions in its own way. notOn('postgres', why) skips those there.
export function notOn(storage, why) {
  return { skip: process.env.REFERENCE_STORAGE === storage ? why : false };
}

let made = 0;

// freshClass returns a class of its own, so that tests do not see each other's objects.
export function freshClass(name = 'Thing') {
  made += 1;
  return Parse.Object.extend(`${name}_${process.pid}_${made}_${Date.now().toString(36)}`);
}

// freshName returns a username of its own, so that tests do not see each other's users.
export function freshName() {
  made += 1;
  return `user_${process.pid}_${made}_${Date.now().toString(36)}`;
}

// signedUp makes a user, who is the current one if Parse.User.enableUnsafeCurrentUser was called.
export async function signedUp(attributes = {}) {
  const user = new Parse.User({ username: freshName(), password: 'secret', ...attributes });
  await user.signUp();
  return user;
}

// as are the options of a request by a user.
export const as = user => ({ sessionToken: user.getSessionToken() });

// saved makes objects of a class in the given order.
export async function saved(Class, ...attributes) {
  const objects = attributes.map(a => new Class(a));
  await Parse.Object.saveAll(objects);
  return objects;
}

// values are the attributes of the objects that a query finds.
export async function values(query, key) {
  const found = await query.find();
  return found.map(object => object.get(key));
}

export { Parse };
