// Decrypts push messages with http_ece, the library of an author of RFC 8188 and RFC 8291.
import { createECDH } from "node:crypto";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const ece = createRequire(new URL("../../clients/browser/package.json", import.meta.url))("http_ece");

const messages = JSON.parse(await text(process.stdin)).map(({ body, auth, key }) => {
  const privateKey = createECDH("prime256v1");
  privateKey.setPrivateKey(Buffer.from(key, "base64url"));
  const decrypted = ece.decrypt(Buffer.from(body, "base64url"), { version: "aes128gcm", privateKey, authSecret: auth });
  return decrypted.toString("base64url");
});
console.log(JSON.stringify(messages));
