// A receiver as somebody would write it in plain Node.js: takes a POST, prints its JSON, answers 200.
// Usage: node receiver.mjs [PORT]   (0 for any free port; the first line printed is the address)
import { createServer } from "node:http";

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    try {
      console.log(JSON.stringify(JSON.parse(Buffer.concat(chunks).toString("utf8"))));
    } catch {
      response.writeHead(400, { "Content-Type": "text/plain" }).end("not JSON");
      return;
    }
    response.writeHead(200, { "Content-Type": "text/plain" }).end("success");
  });
});

server.listen(Number(process.argv[2] ?? 8081), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
