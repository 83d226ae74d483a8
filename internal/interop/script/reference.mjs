// parse-server, and the Parse SDK that it brings, are installed once for the
// whole repository: beside the server that parity scenarios are recorded from.
import { createRequire } from 'node:module';

export const require = createRequire(new URL('../../parity/reference/', import.meta.url));
