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
  const calm = () => { clearTimeout(waiting); waiting = 0; made.textContent = text; made.classList.remove('sure'); };
  made.addEventListener('click', () => {
    if (waiting) { calm(); act(); return; }
    made.textContent = 'Sure?';
    made.classList.add('sure');
    waiting = setTimeout(calm, 4000);
  });
}

// Charts: points by time, the newest at the right.
const CHARTS = [
  { name: 'Clients', form: whole, series: [['on a route', (of) => of.connections.clients]] },
  { name: 'Messages', form: rate, series: [['in', per((of) => of.counts.messages_in)], ['out', per((of) => of.counts.messages_answered + of.counts.messages_delivered)]] },
  { name: 'Bytes', form: (n) => `${bytes(n)}/s`, series: [['in', per((of) => of.counts.bytes_in)], ['out', per((of) => of.counts.bytes_answered + of.counts.bytes_delivered)]] },
  { name: 'Slow clients', form: whole, series: [['full sockets', (of) => of.connections.slow]] },
  { name: 'Backlog', form: bytes, series: [['waits for them', (of) => of.connections.backlog_bytes]] },
  { name: 'CPU', form: percent, series: [['process', per((of) => 100 * of.process.cpu_seconds)], ['hub', per((of) => 100 * of.hub.busy_seconds)]] },
  { name: 'Memory', form: bytes, series: [['resident', (of) => of.process.resident_bytes]] },
  { name: 'Refused and failed', form: rate, series: [['refused', per((of) => of.counts.refused + refusals(of))], ['callbacks', per((of) => of.routes.reduce((sum, route) => sum + route.failed + route.panicked, 0))]] },
];
function per(of) {
  return (now, before) => (before && now.now > before.now ? Math.max(0, of(now) - of(before)) / (now.now - before.now) : null);
}
const refusals = (of) => of.counts.statuses.filter(([status]) => Number(status) >= 400).reduce((sum, [, count]) => sum + count, 0);

function makeChart(chart) {
  const figure = element('figure');
  const caption = element('figcaption');
  caption.append(element('span', chart.name));
  chart.values = chart.series.map(([name], index) => {
    const value = element('b', '–');
    const held = element('span', name, 'series');
    held.style.setProperty('--color', index ? 'var(--second)' : 'var(--first)');
    held.append(' ', value);
    caption.append(held);
    return value;
  });
  chart.svg = document.createElementNS(SVG, 'svg');
  chart.svg.setAttribute('viewBox', `0 0 ${KEPT - 1} 100`);
  chart.svg.setAttribute('preserveAspectRatio', 'none');
  chart.svg.setAttribute('role', 'img');
  chart.svg.setAttribute('aria-label', chart.name);
  const base = document.createElementNS(SVG, 'line');
  for (const [name, value] of Object.entries({ x1: 0, x2: KEPT - 1, y1: 100, y2: 100 })) base.setAttribute(name, value);
  chart.svg.append(base);
  chart.paths = chart.series.map((_, index) => {
    const path = document.createElementNS(SVG, 'path');
    path.style.setProperty('--color', index ? 'var(--second)' : 'var(--first)');
    chart.svg.append(path);
    return path;
  });
  chart.points = chart.series.map(() => []);
  const axis = element('div', null, 'axis');
  chart.most = element('span', '');
  axis.append(element('span', '10 min ago'), chart.most, element('span', 'now'));
  figure.append(caption, chart.svg, axis);
  $('charts').append(figure);
  figure.addEventListener('pointermove', (event) => {
    const box = chart.svg.getBoundingClientRect();
    const at = Math.round((1 - (event.clientX - box.left) / box.width) * (KEPT - 1));
    const shown = chart.points.map((points, index) => {
      const value = points[points.length - 1 - at];
      return value === undefined || value === null ? null : `${chart.series[index][0]} ${chart.form(value)}`;
    }).filter(Boolean);
    figure.title = shown.length ? `${time(at * EVERY_MS / 1000)} ago: ${shown.join(', ')}` : '';
  });
}
function draw(chart, now, before) {
  chart.series.forEach(([, value], index) => {
    const points = chart.points[index];
    points.push(value(now, before));
    if (points.length > KEPT) points.shift();
  });
  const most = Math.max(1e-9, ...chart.points.flat().filter((value) => value !== null));
  chart.most.textContent = `at most ${chart.form(most < 1e-6 ? 0 : most)}`;
  chart.points.forEach((points, index) => {
    let line = '';
    points.forEach((value, at) => {
      if (value === null) { return; }
      const x = KEPT - points.length + at;
      line += `${line ? 'L' : 'M'}${x} ${(100 - 96 * value / most).toFixed(1)}`;
    });
    chart.paths[index].setAttribute('d', line);
    const last = points[points.length - 1];
    chart.values[index].textContent = last === null ? '–' : chart.form(last);
  });
}

// Tables: a head, and rows of cells; a cell is text, [text, class] or a node.
function fill(table, head, rows) {
  const line = (name, cells) => {
    const row = element('tr');
    for (const cell of cells) {
      const [content, className] = Array.isArray(cell) ? cell : [cell, ''];
      const made = element(name, content, className);
      if (className.includes('wide')) made.title = String(content ?? '');
      row.append(made);
    }
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
  const tbody = element('tbody');
  tbody.append(...made);
  table.replaceChildren(thead, tbody);
}
// A row whose button waits for its second click, or that somebody has marked, is not taken from under his hand.
const isTouched = (table) => table.querySelector('.sure') !== null || (!getSelection().isCollapsed && table.contains(getSelection().anchorNode));

function showRoutes(of) {
  if (isTouched($('routes'))) return;
  fill($('routes'), [['Path', 'text'], ['Plugin', 'text'], ['Service', 'text'], 'Clients', 'Slow', 'Backlog', 'Queue', 'Failed', 'Panicked', 'Long', ''], of.routes.map((route) => [
    route.is_in_service ? '' : 'out', route.path, [
      [route.path, 'text wide'], [`${route.plugin} ${route.plugin_version}`, 'text'], [route.is_in_service ? 'in' : 'out', 'text'], whole(route.clients), whole(route.slow_clients),
      bytes(route.backlog_bytes), bytes(route.queue_bytes), whole(route.failed), whole(route.panicked), whole(route.long_now),
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
      client.client, [client.address, 'text'], [client.label ?? '–', 'text wide'], [client.route ?? '–', 'text wide'], [client.kind, 'text'], time(client.age_seconds), whole(client.messages_in),
      bytes(client.bytes_in), bytes(client.bytes_out), bytes(client.backlog_bytes), [state.filter(Boolean).join(', '), 'text'],
      button('Close', () => order('/kick', { client: client.client })),
    ]];
  }));
}
function showRest(of) {
  const codes = [...of.counts.statuses.map(([status, count]) => ['', `s${status}`, [['answered', 'text'], [status, 'text'], whole(count)]]),
    ...of.counts.closes.map(([by, code, count]) => ['', `c${by}${code}`, [[`closed by ${by}`, 'text'], [code, 'text'], whole(count)]])];
  fill($('codes'), [['', 'text'], ['Code', 'text'], 'Times'], codes);
  const callbacks = of.routes.flatMap((route) => route.callbacks.map((call) => ['', route.path + call.name, [
    [route.path, 'text wide'], [call.name, 'text'], whole(call.count), short(call.seconds / call.count), short(call.p99)]]));
  fill($('callbacks'), [['Route', 'text'], ['Callback', 'text'], 'Calls', 'Mean', '99 of 100 within'], callbacks);
  const { process, capacity, counts, hub, reloads } = of;
  const last = reloads.last;
  const facts = {
    Capacity: `${whole(of.connections.all)} of ${whole(capacity.connections)} connections (${capacity.limit})`,
    Memory: `${bytes(process.resident_bytes)} resident, ${bytes(process.peak_resident_bytes)} at most`,
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
function showLog(text) {
  const log = $('log');
  const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  if (log.textContent !== text && getSelection().isCollapsed) {
    log.textContent = text;
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }
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
    if (!before || now.now - before.now > 0.5 * EVERY_MS / 1000) {
      for (const chart of CHARTS) draw(chart, now, before && before.started === now.started ? before : null);
      before = now;
    }
    showRoutes(now);
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

CHARTS.forEach(makeChart);
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
