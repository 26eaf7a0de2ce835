// Shows how the services are, every five seconds, and links to the other servers of the machine, which listen
// at their own ports.
const offset = location.port === "28443" || location.port === "28080" ? 20000 : 0; // the instance "test"
const ports = { ai: 8000, auth: 8001, user: 8002, resume: 8003, job: 8004, "auto-apply": 8005, analytics: 8006, notification: 8007, orchestrator: 8008 };

for (const a of document.querySelectorAll("a[data-port]")) {
  a.href = `http://${location.hostname}:${a.dataset.port}${a.dataset.path ?? "/"}`;
}
for (const [name, port] of Object.entries(ports)) {
  const item = document.createElement("li");
  const a = document.createElement("a");
  a.href = `http://${location.hostname}:${port + 1000 + offset}/metrics`;
  a.textContent = name;
  item.append(a);
  document.getElementById("metrics-list").append(item);
}

function card(state, name, text) {
  const item = document.createElement("li");
  item.className = state;
  const b = document.createElement("b");
  b.textContent = name;
  const span = document.createElement("span");
  span.textContent = text;
  item.append(b, span);
  return item;
}

async function show() {
  const list = document.getElementById("list");
  try {
    const answer = await fetch("/api/v1/orchestrator/services");
    if (!answer.ok) throw new Error(`the orchestrator answers ${answer.status}`);
    const { items } = await answer.json();
    list.replaceChildren(...items.map((s) =>
      card(s.state, s.name, s.state + (s.latencyMs === undefined ? "" : ` · ${s.latencyMs} ms`) + (s.breaker === "closed" ? "" : ` · breaker ${s.breaker}`))));
  } catch (fault) {
    list.replaceChildren(card("down", "orchestrator", fault.message));
  }
  document.getElementById("checked").textContent = new Date().toLocaleTimeString();
}

show();
setInterval(show, 5000);
