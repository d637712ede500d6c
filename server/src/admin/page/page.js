'use strict';
// What the listener says of itself, every two seconds, for a person. Whatever comes from the server is set as text.

const EVERY_MS = 2000;
const KEPT = 300; // points of a chart: ten minutes
const $ = (id) => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';

function element(name, content, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (content instanceof Node) made.append(content);
  else if (content !== undefined && content !== null) made.textContent = String(content);
  return made;
}

// Forms of numbers.
const whole = (number) => Math.round(number).toLocaleString('en');
function bytes(number) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) { number /= 1024; unit += 1; }
  return `${number.toFixed(unit === 0 || number >= 100 ? 0 : 1)} ${units[unit]}`;
}
const rate = (number) => `${number < 10 ? number.toFixed(1) : whole(number)}/s`;
const percent = (number) => `${number.toFixed(number < 10 ? 1 : 0)} %`;
function time(seconds) {
  const of = (size, unit, rest, small) => `${Math.floor(seconds / size)} ${unit} ${Math.floor((seconds % size) / rest)} ${small}`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return of(60, 'min', 1, 's');
  if (seconds < 86400) return of(3600, 'h', 60, 'min');
  return of(86400, 'd', 3600, 'h');
}
function short(seconds) {
  if (seconds === null) return '> 30 s';
  if (seconds < 0.001) return `${whole(seconds * 1e6)} µs`;
  if (seconds < 1) return `${(seconds * 1e3).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  return `${seconds.toFixed(1)} s`;
}

// Questions and orders.
let token = sessionStorage.getItem('token');
class Refused extends Error {
  constructor(status, text) { super(text); this.status = status; }
}
async function ask(path, method = 'GET') {
  const headers = { 'X-Detent-Admin': 'status page' };
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(path, { method, headers, cache: 'no-store', signal: AbortSignal.timeout(method === 'GET' ? 5000 : 60000) });
  const text = await answer.text();
  if (!answer.ok) throw new Refused(answer.status, text.trim());
  return text;
}
function say(text, isBad) {
  $('said').textContent = text;
  $('said').className = isBad ? 'bad' : '';
}
async function order(path, words) {
  const query = new URLSearchParams(words).toString();
  say('…');
  try {
    say(JSON.parse(await ask(query ? `${path}?${query}` : path, 'POST')).result);
  } catch (error) {
    say(error.message, true);
  }
  look();
}
// What cannot be taken back is asked for twice.
function button(text, act) {
  const made = element('button', text);
  made.type = 'button';
  arm(made, act);
  return made;
}
function arm(made, act) {
  const text = made.textContent;
  let waiting = 0;
  const calm = () => { clearTimeout(waiting); waiting = 0; made.textContent = text; made.removeAttribute('class'); };
  made.addEventListener('click', () => {
    if (waiting) { calm(); act(); return; }
    made.textContent = 'Sure?';
    made.classList.add('sure');
    waiting = setTimeout(calm, 4000);
  });
}

// Charts: points by time, the newest at the right. The time shown grows with what there is, up to all that is kept.
const sum = (of, value) => of.routes.reduce((all, route) => all + value(route), 0);
const refusals = (of) => of.counts.statuses.filter(([status]) => Number(status) >= 400).reduce((all, [, count]) => all + count, 0);
const streams = (route) => route.kinds.find(([kind]) => kind === 'event stream')[1];
const calls = (of, value) => sum(of, (route) => route.callbacks.reduce((all, call) => all + value(call), 0));
const CHARTS = [
  { name: 'Clients', form: whole, series: [['on a route', (of) => of.connections.clients]] },
  { name: 'Messages', form: rate, series: [['in', per((of) => of.counts.messages_in)], ['out', per((of) => of.counts.messages_answered + of.counts.messages_delivered)]] },
  { name: 'Bytes', form: (n) => `${bytes(n)}/s`, series: [['in', per((of) => of.counts.bytes_in)], ['out', per((of) => of.counts.bytes_answered + of.counts.bytes_delivered)]] },
  { name: 'Slow clients', form: whole, series: [['full sockets', (of) => of.connections.slow]] },
  { name: 'Backlog', form: bytes, series: [['for full sockets', (of) => of.connections.backlog_bytes], ['for the hub', (of) => sum(of, (route) => route.queue_bytes)]] },
  { name: 'CPU', form: percent, series: [['process', per((of) => 100 * of.process.cpu_seconds)], ['hub', per((of) => 100 * of.hub.busy_seconds)]] },
  { name: 'Memory', form: bytes, series: [['resident', (of) => of.process.resident_bytes], ['held for clients', (of) => of.memory.held]] },
  { name: 'What goes wrong', form: rate, series: [['refused', per((of) => of.counts.refused + refusals(of))], ['callbacks', per((of) => sum(of, (route) => route.failed + route.panicked))]] },
];
const MORE_CHARTS = [
  { name: 'Come and go', form: rate, series: [['opened', per((of) => of.counts.opened)], ['closed', per((of) => of.counts.closed)]] },
  { name: 'By kind', form: whole, series: [['WebSockets', (of) => sum(of, (route) => route.clients - streams(route))], ['event streams', (of) => sum(of, streams)]] },
  { name: 'Wait for the hub, on average', form: short, series: [['wait', mean((of) => of.hub.wait_seconds, (of) => of.hub.wait_count)], ['round', mean((of) => of.hub.round_seconds, (of) => of.hub.round_count)]] },
  { name: 'Work of the hub', form: rate, series: [['rounds', per((of) => of.hub.rounds)], ['events', per((of) => of.hub.events)]] },
  { name: 'Callbacks, on average', form: short, series: [['time', mean((of) => calls(of, (call) => call.seconds), (of) => calls(of, (call) => call.count))]] },
  { name: 'Callbacks for 5 s or longer', form: whole, series: [['running', (of) => sum(of, (route) => route.long_now)]] },
  { name: 'Missed', form: rate, series: [['dropped', per((of) => of.counts.dropped)], ['stalled', per((of) => of.counts.stalled)]] },
  { name: 'Journals', form: bytes, series: [['kept', (of) => sum(of, (route) => route.journal?.bytes ?? 0)]] },
  { name: 'Into files of journals', form: rate, series: [['stored', per((of) => of.store.stored)], ['not stored', per((of) => of.store.unstored)]] },
  { name: 'Waiting for the disk', form: bytes, series: [['messages', (of) => of.store.waiting_bytes]] },
  { name: 'Who came back', form: rate, series: [['got all', per((of) => of.counts.recovered)], ['told of a gap', per((of) => of.store.gaps.reduce((all, [, count]) => all + count, 0))]] },
  { name: 'Threads and files', form: whole, series: [['threads', (of) => of.process.threads], ['files', (of) => of.process.open_files]] },
  { name: 'TCP of the kernel', form: bytes, series: [['all of the machine', (of) => of.process.kernel_tcp_bytes]] },
];
function per(of) {
  return (now, before) => (before && now.now > before.now ? Math.max(0, of(now) - of(before)) / (now.now - before.now) : null);
}
// Of what has happened between two looks; nothing where nothing has.
function mean(all, count) {
  return (now, before) => (before && count(now) > count(before) ? (all(now) - all(before)) / (count(now) - count(before)) : null);
}

const LEAST = 30; // points of a chart that is young: a minute
const COLORS = ['var(--first)', 'var(--second)'];
function svg(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}
function makeChart(chart, place) {
  const figure = element('figure');
  const caption = element('figcaption', element('span', chart.name));
  const legend = element('div');
  caption.append(legend);
  chart.values = chart.series.map(([name], index) => {
    const value = element('b', '–');
    const held = element('span', name, 'series');
    held.style.setProperty('--color', COLORS[index]);
    held.append(' ', value);
    legend.append(held);
    return value;
  });
  chart.svg = svg('svg', { viewBox: '0 0 1000 100', preserveAspectRatio: 'none', role: 'img', 'aria-label': chart.name });
  chart.svg.append(svg('line', { x1: 0, x2: 1000, y1: 100, y2: 100 }));
  const path = (index, className) => {
    const made = svg('path', { class: className });
    made.style.setProperty('--color', COLORS[index]);
    chart.svg.append(made);
    return made;
  };
  chart.areas = chart.series.map((_, index) => path(index, 'area'));
  chart.paths = chart.series.map((_, index) => path(index, 'line'));
  chart.points = chart.series.map(() => []);
  const axis = element('div', null, 'axis');
  [chart.from, chart.most] = [element('span', '', 'from'), element('span', '')];
  axis.append(chart.from, chart.most, element('span', 'now'));
  figure.append(caption, chart.svg, axis);
  place.append(figure);
  figure.addEventListener('pointermove', (event) => {
    const box = chart.svg.getBoundingClientRect();
    const at = Math.round((1 - (event.clientX - box.left) / box.width) * (shownPoints(chart) - 1));
    const shown = chart.points.map((points, index) => {
      const value = points[points.length - 1 - at];
      return value === undefined || value === null ? null : `${chart.series[index][0]} ${chart.form(value)}`;
    }).filter(Boolean);
    figure.title = shown.length ? `${time(at * EVERY_MS / 1000)} ago: ${shown.join(', ')}` : '';
  });
}
const shownPoints = (chart) => Math.max(LEAST, chart.points[0].length);
function draw(chart, now, before) {
  chart.series.forEach(([, value], index) => {
    const points = chart.points[index];
    points.push(value(now, before));
    if (points.length > KEPT) points.shift();
  });
  const count = shownPoints(chart);
  const most = Math.max(1e-9, ...chart.points.flat().filter((value) => value !== null));
  chart.most.textContent = `at most ${chart.form(most <= 1e-9 ? 0 : most)}`;
  chart.from.textContent = `${time((count * EVERY_MS) / 1000)} ago`;
  chart.points.forEach((points, index) => {
    // Where nothing was measured the line has a gap.
    const runs = [];
    points.forEach((value, at) => {
      if (value === null) return;
      const point = [(1000 * (count - points.length + at)) / (count - 1), 100 - (94 * value) / most];
      if (at && points[at - 1] !== null) runs[runs.length - 1].push(point);
      else runs.push([point]);
    });
    const text = (run) => run.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L');
    chart.paths[index].setAttribute('d', runs.map((run) => `M${text(run)}${run.length === 1 ? 'h2' : ''}`).join(''));
    chart.areas[index].setAttribute('d', runs.map((run) => `M${run[0][0].toFixed(1)} 100L${text(run)}V100Z`).join(''));
    const last = points[points.length - 1];
    chart.values[index].textContent = last === null ? '–' : chart.form(last);
  });
}

// Tables: a head, and rows of cells; a cell is text, [text, class] or a node. On a phone a cell says its head itself, unless
// its class is one of a name or of text that speaks for itself, and what is nothing is left out.
function fill(table, head, rows) {
  const line = (name, cells) => {
    const row = element('tr');
    cells.forEach((cell, index) => {
      const [content, className] = Array.isArray(cell) ? cell : [cell, ''];
      const made = element(name, content, className);
      if (name === 'td') {
        const title = Array.isArray(head[index]) ? head[index][0] : head[index];
        if (content instanceof Node) made.classList.add('act');
        else if (title && !/\b(name|plain)\b/.test(className)) made.dataset.head = title.toLowerCase();
        if (['', '–', '0', '0 B', '0.0/s', null, undefined].includes(content)) made.classList.add('none');
      }
      if (className.includes('wide')) made.title = String(content ?? '');
      row.append(made);
    });
    return row;
  };
  const made = rows.map(([className, key, cells]) => {
    const row = line('td', cells);
    row.className = className;
    row.dataset.key = key;
    return row;
  });
  if (!made.length) {
    const none = element('td', 'none', 'text');
    none.colSpan = head.length;
    made.push(element('tr', none));
  }
  const thead = element('thead', line('th', head));
  if (!table.tHead?.isEqualNode(thead)) table.replaceChildren(thead, element('tbody'));
  // What is as before stays, so that a click ends on the button on which it has begun, and the keyboard where it was.
  const body = table.tBodies[0];
  const before = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  made.forEach((row, at) => {
    const same = before.get(row.dataset.key);
    if (same?.cells.length === row.cells.length) {
      same.className = row.className;
      [...row.cells].forEach((cell, index) => { if (!same.cells[index].isEqualNode(cell)) same.cells[index].replaceWith(cell); });
      row = same;
    }
    if (body.rows[at] !== row) body.insertBefore(row, body.rows[at] ?? null);
  });
  while (body.rows.length > made.length) body.lastChild.remove();
}
// A row whose button waits for its second click, or that somebody has marked, is not taken from under his hand.
const isTouched = (table) => table.querySelector('.sure') !== null || (!getSelection().isCollapsed && table.contains(getSelection().anchorNode));

// Those out of service first, then those with slow clients, then the ones that are spoken on most.
function showRoutes(of, before) {
  const out = of.routes.filter((route) => !route.is_in_service).length;
  $('routes-found').textContent = `${whole(of.routes.length)}${out ? `, ${whole(out)} out of service` : ''}`;
  if (isTouched($('routes'))) return;
  const rates = of.routes.map((route) => {
    const earlier = before?.routes.find((one) => one.path === route.path);
    const speed = (value) => (earlier && of.now > before.now ? Math.max(0, value(route) - value(earlier)) / (of.now - before.now) : 0);
    return { route, heard: speed((one) => one.messages_in), said: speed((one) => one.messages_answered + one.messages_delivered) };
  });
  const rank = ({ route, heard, said }) => [route.is_in_service ? 0 : 1, route.slow_clients, route.long_now, heard + said];
  const compare = (one, other) => rank(other).map((value, at) => value - rank(one)[at]).find((more) => more) ?? 0;
  fill($('routes'), [['Path', 'text'], ['Plugin', 'text'], ['Service', 'text'], 'Clients', 'Opened', 'Closed', 'In', 'Out', 'Slow', 'Backlog', 'Dropped', 'Queue', 'Waits', 'Journal', 'Failed', 'Panicked', 'Long', ''], rates.sort(compare).map(({ route, heard, said }) => [
    route.is_in_service ? (route.slow_clients ? 'slow' : '') : 'out', route.path, [
      [route.path, 'text wide name'], [`${route.plugin} ${route.plugin_version}`, 'text plain'], [route.is_in_service ? (route.engine?.away ? 'in, Redis is away' : 'in') : 'out', 'text'],
      streams(route) ? `${whole(route.clients)}, ${whole(streams(route))} by event stream` : whole(route.clients), whole(route.opened), whole(route.closed), rate(heard), rate(said), whole(route.slow_clients),
      bytes(route.backlog_bytes), whole(route.dropped), bytes(route.queue_bytes), route.wait_p99 ? short(route.wait_p99) : '–', route.journal ? `${whole(route.journal.messages)} (${bytes(route.journal.bytes)})` : '–',
      whole(route.failed), whole(route.panicked), whole(route.long_now),
      route.is_in_service
        ? button('Take out', () => order('/route', { path: route.path, service: 'out' }))
        : button('Put in', () => order('/route', { path: route.path, service: 'in' })),
    ],
  ]));
  const chosen = $('route').value;
  const paths = ['', ...of.routes.map((route) => route.path)];
  if ([...$('route').options].map((option) => option.value).join('\n') !== paths.join('\n')) {
    $('route').replaceChildren(...paths.map((path) => { const option = element('option', path || 'all'); option.value = path; return option; }));
    $('route').value = paths.includes(chosen) ? chosen : '';
  }
}
function showClients(of) {
  $('found').textContent = of.found > of.clients.length ? `${whole(of.found)}, the first ${of.clients.length}` : whole(of.found);
  if (isTouched($('clients'))) return;
  fill($('clients'), ['Client', ['Address', 'text'], ['Label', 'text'], ['Route', 'text'], ['Kind', 'text'], 'Age', 'Messages', 'In', 'Out', 'Backlog', ['State', 'text'], ''], of.clients.map((client) => {
    const state = [client.is_slow ? 'slow' : '', client.is_closing ? 'closing' : '', client.callback ? `in ${client.callback[0]} for ${client.callback[1]} s` : ''];
    return [client.is_slow ? 'slow' : '', client.client, [
      client.client, [client.address, 'text name'], [client.label ?? '–', 'text wide plain'], [client.route ?? '–', 'text wide plain'], [client.kind, 'text plain'], time(client.age_seconds), whole(client.messages_in),
      bytes(client.bytes_in), bytes(client.bytes_out), bytes(client.backlog_bytes), [state.filter(Boolean).join(', '), 'text plain'],
      button('Close', () => order('/kick', { client: client.client })),
    ]];
  }).concat(of.elsewhere.map((client) => ['', client.client, [
    client.client, [client.address, 'text name'], [client.label ?? '–', 'text wide plain'], [client.route, 'text wide plain'], [`on ${client.machine}`, 'text plain'], time(client.age_seconds),
    '', '', '', '', ['', 'text plain'], button('Close', () => order('/kick', { client: client.client })),
  ]])));
}
const heldBy = (memory) => {
  const parts = memory.parts.filter(([, held]) => held).map(([name, held]) => `${name} ${bytes(held)}`);
  return parts.length ? `: ${parts.join(', ')}` : '';
};
function showRest(of) {
  const codes = [...of.counts.statuses.map(([status, count]) => ['', `s${status}`, [['answered', 'text plain'], [status, 'text name'], whole(count)]]),
    ...of.counts.closes.map(([by, code, count]) => ['', `c${by}${code}`, [[`closed by ${by}`, 'text plain'], [code, 'text name'], whole(count)]])];
  fill($('codes'), [['', 'text'], ['Code', 'text'], 'Times'], codes);
  const callbacks = of.routes.flatMap((route) => route.callbacks.map((call) => ({ route, call }))).sort((one, other) => other.call.seconds - one.call.seconds);
  fill($('callbacks'), [['Route', 'text'], ['Callback', 'text'], 'Calls', 'Together', 'Mean', '99 of 100 within'], callbacks.map(({ route, call }) => ['', route.path + call.name, [
    [route.path, 'text wide name'], [call.name, 'text plain'], whole(call.count), short(call.seconds), short(call.seconds / call.count), short(call.p99)]]));
  const { process, memory, capacity, counts, hub, reloads } = of;
  const last = reloads.last;
  const facts = {
    Capacity: `${whole(of.connections.all)} of ${whole(capacity.connections)} connections (${capacity.limit})`,
    Memory: `${bytes(process.resident_bytes)} resident, ${bytes(process.peak_resident_bytes)} at most`,
    'Held for clients': `${bytes(memory.held)} of ${bytes(memory.limit)}${heldBy(memory)}`,
    'TCP of the kernel': bytes(process.kernel_tcp_bytes),
    Threads: whole(process.threads),
    Files: `${whole(process.open_files)} of ${whole(process.open_files_max)}`,
    Hub: `${whole(hub.rounds)} rounds; 99 of 100 turns within ${hub.turn_count ? short(hub.turn_p99) : '–'}`,
    'Waits for the hub': `99 of 100 within ${hub.wait_count ? short(hub.wait_p99) : '–'}`,
    Dropped: `${whole(counts.dropped)} messages; ${whole(counts.stalled)} clients stalled`,
    Libraries: `${whole(of.library_loads)} loaded; ${whole(reloads.swaps_done)} replaced`,
    'Log lines lost': `${whole(counts.log_lines_lost)}, ${whole(counts.log_lines_left_out)} left out`,
    'Last reload': last ? `${new Date(last.at * 1000).toLocaleString()}: ${last.outcome}` : 'none yet',
    Process: `pid ${process.pid}, ${process.cpu_seconds.toFixed(1)} s of CPU`,
  };
  $('process').replaceChildren(...Object.entries(facts).map(([name, fact]) => {
    const held = element('div', element('dt', name));
    held.append(element('dd', fact));
    return held;
  }));
}
let shownLog = '';
function showLog(text) {
  const log = $('log');
  const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  if (shownLog === text || !getSelection().isCollapsed) return;
  shownLog = text;
  log.replaceChildren(...text.split('\n').map((line) => {
    const level = /^\S+ \[(\w+)/.exec(line)?.[1].toLowerCase() ?? '';
    return element('span', `${line}\n`, level);
  }));
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

// The look, again and again while somebody looks.
let before = null;
let looks = 0;
async function look() {
  const own = ++looks;
  const filter = new URLSearchParams({ limit: 100 });
  if ($('route').value) filter.set('route', $('route').value);
  if ($('address').value.trim()) filter.set('address', $('address').value.trim());
  try {
    const now = JSON.parse(await ask('/status.json'));
    const clients = JSON.parse(await ask(`/clients?${filter}`));
    const log = await ask('/log');
    if (own !== looks) return;
    $('login').hidden = true;
    $('main').hidden = false;
    $('state').textContent = now.state;
    $('state').dataset.state = now.state;
    $('version').textContent = now.version;
    $('uptime').textContent = `up ${time(now.now - now.started)}`;
    if (document.activeElement !== $('level')) $('level').value = now.log_level;
    document.title = `Detent: ${whole(now.connections.clients)}${now.connections.slow ? `, ${whole(now.connections.slow)} slow` : ''}`;
    const earlier = before && before.started === now.started ? before : null;
    showRoutes(now, earlier);
    if (!before || now.now - before.now > 0.5 * EVERY_MS / 1000) {
      for (const chart of [...CHARTS, ...MORE_CHARTS]) draw(chart, now, earlier);
      before = now;
    }
    showClients(clients);
    showRest(now);
    showLog(log);
  } catch (error) {
    if (own !== looks) return;
    if (error.status === 401) {
      $('login').hidden = false;
      $('main').hidden = true;
      $('state').textContent = 'a token is wanted';
    } else if (error.status === 400) {
      say(error.message, true);
    } else {
      $('state').textContent = error.status ? error.message : 'the server does not answer';
    }
    $('state').dataset.state = 'away';
  }
}

CHARTS.forEach((chart) => makeChart(chart, $('charts')));
MORE_CHARTS.forEach((chart) => makeChart(chart, $('more-charts')));
$('login').addEventListener('submit', (event) => {
  event.preventDefault();
  token = $('token').value.trim();
  sessionStorage.setItem('token', token);
  $('token').value = '';
  look();
});
$('filter').addEventListener('submit', (event) => event.preventDefault());
$('filter').addEventListener('input', () => { $('kick-address').disabled = !$('address').value.trim(); say(''); look(); });
arm($('kick-address'), () => order('/kick', { address: $('address').value.trim() }));
$('reload').addEventListener('click', () => order('/reload', {}));
$('level').addEventListener('change', () => order('/log', { level: $('level').value }));
document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); });
setInterval(() => { if (!document.hidden) look(); }, EVERY_MS);
look();
