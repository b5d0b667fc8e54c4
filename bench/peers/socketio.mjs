// Socket.IO with its WebSocket transport alone: one emit to everybody.
// usage: node socketio.mjs PORT
import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server, { transports: ["websocket"], serveClient: false });
const engine = server.listeners("request").slice();
server.removeAllListeners("request");
server.on("request", (request, response) => {
  if (request.method !== "POST") {
    for (const listener of engine) listener.call(server, request, response);
    return;
  }
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    io.emit("notification", JSON.parse(Buffer.concat(parts).toString()));
    response.writeHead(202, { "content-length": "0" }).end();
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1", 4096);
