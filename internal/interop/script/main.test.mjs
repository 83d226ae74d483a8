// Everything that an app does with parse-server, section by section. Later
// sections build on the people of the first; what all leave behind is read by
// another server afterwards.
import { after } from 'node:test';
import { writeDown } from './app.mjs';

const sections = [
  'users', 'roles', 'objects', 'operations', 'queries', 'relations', 'geo', 'text', 'aggregate', 'expressions',
  'transactions', 'files', 'schemas', 'administration',
];

for (const section of sections) await import(`./${section}.mjs`);

after(writeDown);
