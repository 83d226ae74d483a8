// The apps that scenarios are played in, with parse-server's options; Loam reads
// the same file. Their keys open nothing but these processes.
import { readFileSync } from 'node:fs';

export const apps = JSON.parse(readFileSync(new URL('apps.json', import.meta.url), 'utf8'));
