// A receiver that believes nothing that the official library of npm does not.
// Usage: NODE_PATH=… node verifier.cjs SECRET   (the first line printed is the address)
const { createServer } = require("node:http");
const { Webhook } = require("standardwebhooks");

const webhook = new Webhook(process.argv[2]);
const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    try {
      const alert = webhook.verify(Buffer.concat(chunks).toString("utf8"), request.headers);
      response.writeHead(200).end(alert.title);
    } catch (error) {
      response.writeHead(401).end(error.message);
    }
  });
});

server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
