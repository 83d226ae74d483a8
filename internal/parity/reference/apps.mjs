// The apps that scenarios are recorded from. parse-server keeps one schema
// cache per process, so each app has a process and a port of its own. The
// credentials open nothing but these processes. Package parity configures Loam
// with the same apps under the same names.
const keys = { masterKey: 'master', maintenanceKey: 'maintenance', readOnlyMasterKey: 'readonly' };

export const apps = {
  // What parse-server does by default, and classes come into being on demand.
  app: { ...keys, allowClientClassCreation: true },
  // The client must present a key, and the options that change the answers of
  // plain reads and writes are set.
  keyed: {
    ...keys,
    clientKey: 'client',
    javascriptKey: 'javascript',
    restAPIKey: 'rest',
    dotNetKey: 'windows',
    allowClientClassCreation: false,
    allowCustomObjectId: true,
    enableSanitizedErrorResponse: false,
    defaultLimit: 3,
    maxLimit: 5,
  },
  // Privileged keys are taken from one address only, and no request comes from there.
  guarded: {
    ...keys,
    masterKeyIps: ['10.0.0.1'],
    maintenanceKeyIps: ['10.0.0.1'],
    readOnlyMasterKeyIps: ['10.0.0.1'],
  },
};
