import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tus from 'tus-js-client';
import { appId, other, url } from './loam.mjs';

const content = Buffer.alloc(5 << 20, 'a resumable upload ');

// upload sends a file with the client of tus and returns what it was answered.
function upload(bytes, options = {}) {
  return new Promise((resolve, reject) => {
    const client = new tus.Upload(bytes, {
      endpoint: `${url}/uploads`,
      headers: { 'X-Parse-Application-Id': appId },
      metadata: { filename: 'film.mp4', filetype: 'video/mp4' },
      retryDelays: null,
      onError: reject,
      onSuccess: ({ lastResponse }) => resolve(JSON.parse(lastResponse.getBody())),
      ...options,
    });
    options.started?.(client);
    client.start();
  });
}

async function read(file) {
  const response = await fetch(file.url);
  return { type: response.headers.get('content-type'), body: Buffer.from(await response.arrayBuffer()) };
}

test('a file that goes through at once', async () => {
  const file = await upload(content);
  assert.match(file.name, /_film\.mp4$/);
  const { type, body } = await read(file);
  assert.equal(type, 'video/mp4');
  assert.ok(body.equals(content));
});

test('a file in pieces', async () => {
  const file = await upload(content, { chunkSize: 1 << 20 });
  assert.ok((await read(file)).body.equals(content));
});

test('an upload that was broken off goes on where it was', async () => {
  let client;
  let address;
  await new Promise((resolve, reject) => {
    upload(content, {
      chunkSize: 1 << 20,
      started: upload => (client = upload),
      onChunkComplete: (_, accepted) => {
        if (accepted >= 2 << 20 && !address) {
          address = client.url;
          client.abort().then(resolve, reject);
        }
      },
    }).then(() => reject(new Error('it was not broken off')), reject);
  });
  const head = await fetch(address, { method: 'HEAD', headers: { 'X-Parse-Application-Id': appId, 'Tus-Resumable': '1.0.0' } });
  const offset = Number(head.headers.get('upload-offset'));
  assert.ok(offset >= 2 << 20 && offset < content.length, `${offset} bytes have come`);
  let first;
  const file = await upload(content, { uploadUrl: address, onProgress: sent => (first ??= sent) });
  assert.ok(first >= offset, 'it began anew');
  assert.ok((await read(file)).body.equals(content));
});

test('an upload that is given up is gone', async () => {
  const headers = { 'X-Parse-Application-Id': appId, 'Tus-Resumable': '1.0.0' };
  const made = await fetch(`${url}/uploads`, {
    method: 'POST', headers: { ...headers, 'Upload-Length': '10', 'Upload-Metadata': `filename ${Buffer.from('a.txt').toString('base64')}` },
  });
  assert.equal(made.status, 201);
  const address = made.headers.get('location');
  assert.equal((await fetch(address, { method: 'DELETE', headers })).status, 204);
  assert.equal((await fetch(address, { method: 'HEAD', headers })).status, 404);
});

test('what may not be uploaded is refused before it comes', async () => {
  const refused = async (options, status, code) => {
    const error = await upload(content, options).then(() => assert.fail('it was taken'), error => error);
    assert.equal(error.originalResponse.getStatus(), status);
    if (code) assert.equal(JSON.parse(error.originalResponse.getBody()).code, code);
  };
  await refused({ metadata: { filename: 'page.html', filetype: 'text/html' } }, 400, 130);
  await refused({ metadata: { filename: '../x.txt', filetype: 'text/plain' } }, 400, 122);
  await refused({ metadata: {} }, 400, 122);
  await refused({ headers: { 'X-Parse-Application-Id': 'nobody' } }, 403);
  await refused({ endpoint: `${other.url}/uploads`, headers: { 'X-Parse-Application-Id': other.appId, 'X-Parse-Javascript-Key': other.javascriptKey } }, 400, 130);
  await refused({ uploadSize: 1 << 30 }, 413);
});

test('a browser may ask from elsewhere', async () => {
  const response = await fetch(`${url}/uploads`, { method: 'OPTIONS', headers: { Origin: 'https://app.example.com' } });
  assert.equal(response.headers.get('access-control-allow-origin'), '*');
  assert.match(response.headers.get('access-control-allow-methods'), /PATCH/);
  assert.match(response.headers.get('access-control-allow-headers'), /Upload-Offset/);
  assert.equal(response.headers.get('tus-version'), '1.0.0');
});
