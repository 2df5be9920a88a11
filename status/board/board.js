'use strict';
// Whatever a report has is shown as text: nothing here makes markup of it.
const $ = id => document.getElementById(id);
const keepPoints = 120;
const bounds = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000]; // ms, of the buckets

// el makes an element of a kind, with a class, holding texts and elements.
function el(kind, css, ...inside) {
  const e = document.createElement(kind);
  if (css) e.className = css;
  e.append(...inside.filter(x => x !== undefined && x !== null && x !== false && x !== '').map(x => x instanceof Node ? x : String(x)));
  return e;
}

function svg(kind, attributes) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', kind);
  for (const name in attributes) e.setAttribute(name, attributes[name]);
  return e;
}

// put gives an element other contents, unless they are the same: what is read or
// has the focus stays.
function put(e, ...inside) {
  const next = el(e.tagName, '', ...inside);
  if (next.innerHTML === e.innerHTML) return;
  const focus = e.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  e.replaceChildren(...next.childNodes);
  if (focus) for (const b of e.querySelectorAll('[data-key]')) if (b.dataset.key === focus) b.focus();
}

function number(n) {
  return n >= 100 || n === Math.round(n) ? Math.round(n).toLocaleString('en') : n.toFixed(1);
}

function size(n) {
  for (const unit of ['B', 'kB', 'MB', 'GB', 'TB']) {
    if (n < 1000 || unit === 'TB') return (unit === 'B' || n >= 100 ? Math.round(n) : n.toFixed(1)) + ' ' + unit;
    n /= 1000;
  }
}

function duration(s) {
  s = Math.max(0, s);
  if (s < 1) return Math.round(s * 1000) + ' ms';
  if (s < 10) return s.toFixed(1) + ' s';
  if (s < 60) return Math.floor(s) + ' s';
  const two = (a, u, b, v) => Math.floor(s / a) + ' ' + u + (Math.floor(s % a / b) ? ' ' + Math.floor(s % a / b) + ' ' + v : '');
  if (s < 3600) return two(60, 'min', 1, 's');
  if (s < 86400) return two(3600, 'h', 60, 'min');
  return two(86400, 'd', 3600, 'h');
}

// since is how long ago something was when the report was made; coarse enough not to
// change all the time.
const since = (r, at) => duration(Math.floor((Date.parse(r.at) - Date.parse(at)) / 1000));
const clock = at => new Date(at).toLocaleString('en-GB', { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' });
const tag = (text, css) => el('span', 'tag ' + css, text);
const stateClass = s => s === 'MASTER' ? 'good' : s === 'BACKUP' ? '' : 'bad';

function table(t, caption, heads, rows) {
  const numeric = h => h.startsWith('#');
  put(t, el('caption', '', caption), el('thead', '', el('tr', '', ...heads.map(h => {
    const th = el('th', numeric(h) ? 'n' : '', h.replace('#', ''));
    th.scope = 'col';
    return th;
  }))), el('tbody', '', ...rows.map(row => el('tr', '', ...row.map((cell, i) => {
    const c = el(i === 0 ? 'th' : 'td', (numeric(heads[i]) ? 'n' : '') + (i === 0 ? ' name' : ''), cell);
    if (i === 0) c.scope = 'row';
    return c;
  })))));
}

function pairs(dl, list) {
  put(dl, ...list.filter(x => x && x[1] !== undefined && x[1] !== '').flatMap(([name, ...value]) => [el('dt', '', name), el('dd', '', ...value)]));
}

let last = null;   // the report before
let may = false;
const points = []; // requests and errors a second

function show(event) {
  const r = event.report;
  may = event.may;
  $('lost').hidden = true;
  document.title = r.summary.word + ': ' + r.node + ', tandem';
  $('word').className = !r.healthy ? 'bad' : r.summary.word === 'SERVING' ? 'good' : 'warn';
  put($('word'), r.summary.word);
  put($('why'), r.summary.text);
  put($('about'), r.node + ', tandem ' + r.version + (r.healthy ? ', healthy' : ', not healthy') + ', up ' + since(r, r.started));
  const list = [...(r.problems || []).map(t => ['bad', 'wrong', t]), ...(r.notes || []).map(t => ['warn', 'note', t])];
  $('troubles').hidden = !list.length;
  put($('problems'), ...list.map(([css, word, text]) => el('li', '', el('span', css, word), ' ', text)));
  showPair(r);
  showSwitches(r);
  showTraffic(r);
  showErrors(r);
  showUpstreams(r);
  showCertificates(r);
  showCaches(r);
  showConfiguration(r);
  last = r;
}

function showPair(r) {
  $('orders').hidden = !may;
  const instances = r.instances || [];
  for (const b of $('orders').querySelectorAll('button')) b.hidden = b.dataset.order !== 'reload' && !instances.length;
  $('alone').hidden = instances.length > 0;
  put($('instances'), ...instances.map(i => {
    const vip = i.addresses.join(' ') || 'no address';
    const self = i.owner && i.owner.self;
    const owner = !i.owner ? 'Nobody is known to hold ' + vip : (self ? 'This node' : i.owner.node || i.owner.addr) + ' holds ' + vip;
    const ours = el('div', 'node' + (self ? ' holds' : '') + (i.resigned || i.state === 'FAULT' ? ' ill' : ''), el('h4', '', r.node + ' (this node)'),
      el('p', '', tag(i.state, stateClass(i.state)), ' for ' + since(r, i.since)), el('p', '', i.reason.text),
      el('p', '', 'priority ' + i.priority.effective + (i.priority.because ? ', not ' + i.priority.base + ': ' + i.priority.because : '')),
      i.self_probe && el('p', '', 'own web side: ', i.self_probe.good ? tag('answers', 'good') : tag('does not answer', 'bad'), i.self_probe.good ? '' : ' ' + (i.self_probe.reason || '')),
      i.lease > 0 && self && el('p', '', 'the kernel drops the address ' + duration(i.lease) + ' after the last refresh'),
      i.demoted && el('p', '', tag('demoted by the operator', 'warn')),
      (i.faults || []).length > 0 && el('p', '', 'held back by ' + i.faults.join('; ')));
    const theirs = (i.peers || []).map(p => el('div', 'node' + (i.owner && !self && i.owner.addr === p.addr ? ' holds' : '') + (p.health ? ' ill' : ''),
      el('h4', '', p.node + ' (' + p.addr + ')'),
      el('p', '', p.master ? tag('MASTER', 'good') : tag('linked', ''), ' for ' + since(r, p.since) + (p.secure ? ', with the key' : '')),
      el('p', '', 'priority ' + p.priority + ', tandem ' + p.version),
      el('p', '', 'it says its web side ', p.health ? tag('does not serve', 'bad') : tag('serves', 'good'), p.health ? ' ' + p.health : ''),
      el('p', '', (p.drift || []).length ? tag('configuration differs', 'warn') : 'same configuration', (p.drift || []).length ? ' ' + p.drift.join(', ') : '')));
    if (!theirs.length) theirs.push(el('div', 'node', el('h4', '', 'The other node'), el('p', '', i.last_advert ? 'heard as ' + i.last_advert.from + ', without a peer link' : 'not heard')));
    const heard = i.last_advert && i.state !== 'MASTER' ? 'last advert from ' + i.last_advert.from + ' ' + (i.last_advert.age < 2 ? 'just now' : duration(i.last_advert.age) + ' ago') + ', gone after ' + duration(i.last_advert.within) : '';
    const dropped = Object.entries(i.counters.dropped || {}).map(([k, n]) => k + ' ' + n).join(', ');
    return el('div', 'card', el('h3', '', i.name + ': ' + owner), i.rival && el('p', '', tag('TWO MASTERS', 'bad'), ' ' + i.rival.addr + ': ' + i.rival.why),
      el('div', 'nodes', ours, ...theirs), heard && el('p', 'caption', heard),
      (i.trackers || []).length > 0 && el('p', 'caption', 'tracked: ' + i.trackers.map(t => t.kind + ' ' + t.name + (t.text ? ': ' + t.text : '') + (t.fault ? ' (fault)' : t.weight ? ' (' + t.weight + ')' : '')).join('; ')),
      dropped && el('p', 'caption', 'packets dropped: ' + dropped));
  }));
}

function showSwitches(r) {
  const list = r.switches || [];
  $('switches').hidden = !list.length;
  const now = Date.parse(r.at), names = [...new Set(list.map(s => s.instance))];
  put($('timeline'), ...names.map(name => {
    const own = list.filter(s => s.instance === name), first = Date.parse(own[0].at), whole = Math.max(now - first, 1);
    const bar = el('div', 'bar', ...own.map((s, n) => {
      const end = n + 1 < own.length ? Date.parse(own[n + 1].at) : now;
      const span = el('span', s.to, s.to);
      span.style.flexGrow = Math.max(1, Math.round((end - Date.parse(s.at)) / whole * 200));
      span.style.flexBasis = '0';
      span.title = s.to + ' from ' + clock(s.at) + ': ' + s.reason.text;
      return span;
    }));
    bar.setAttribute('aria-hidden', 'true'); // the list says the same
    return el('div', '', el('p', 'caption', name + ', since ' + clock(own[0].at)), bar);
  }));
  put($('switchlist'), ...list.slice(-8).reverse().map(s => el('li', '', clock(s.at) + ': ' + s.instance + ' ', tag(s.from + ' → ' + s.to, stateClass(s.to)), ' ' + s.reason.text)));
  $('switchlist').start = list.length;
}

const classOf = (z, digit) => Object.entries(z.responses || {}).reduce((n, [s, c]) => s[0] === digit ? n + c : n, 0);
const seconds = r => last ? Math.max((Date.parse(r.at) - Date.parse(last.at)) / 1000, 0.05) : 0;
// rate is how often a second; counters that begin anew, after a reload, count from 0.
const rate = (r, now, before) => last ? Math.max(now < before ? now : now - before, 0) / seconds(r) : 0;

function quantile(z, old, share) {
  const counts = z.durations.buckets.map((n, i) => old && old.durations.buckets[i] <= n ? n - old.durations.buckets[i] : n);
  const all = counts.reduce((a, b) => a + b, 0);
  let sum = 0;
  for (let i = 0; i < counts.length && all; i++) {
    sum += counts[i];
    if (sum >= share * all) return i < bounds.length ? '< ' + duration(bounds[i] / 1000) : '> 10 s';
  }
  return '–';
}

function totals(r) {
  const t = { requests: 0, sent: 0, received: 0, client: 0, server: 0 };
  for (const z of r.web.server_zones || []) {
    t.requests += z.requests; t.sent += z.sent; t.received += z.received; t.client += classOf(z, '4'); t.server += classOf(z, '5');
  }
  return t;
}

function showTraffic(r) {
  const now = totals(r), old = last ? totals(last) : now;
  const of = name => rate(r, now[name], old[name]);
  const cells = [['requests/s', number(of('requests'))], ['errors 5xx/s', number(of('server'))], ['errors 4xx/s', number(of('client'))], ['in/s', size(of('received'))],
    ['out/s', size(of('sent'))], ['connections', number(r.web.connections)], ['under way', number(r.web.active)], ['requests so far', number(r.web.requests)]];
  put($('totals'), ...cells.map(([name, value]) => el('div', '', el('dt', '', name), el('dd', '', value))));
  if (last) points.push([of('requests'), of('server')]);
  if (points.length > keepPoints) points.shift();
  const most = Math.max(1, ...points.map(p => p[0]));
  const line = (k, css) => svg('polyline', { class: css, points: points.map((p, i) => (keepPoints - points.length + i) * 5 + ',' + (60 - p[k] / most * 56)).join(' ') });
  const graph = svg('svg', { viewBox: '0 0 600 62', preserveAspectRatio: 'none', height: '62', role: 'img', 'aria-label': 'Requests a second in the last two minutes, at most ' + number(most) });
  graph.append(line(0, 'line'), line(1, 'errors'));
  $('graph').replaceChildren(graph, el('p', 'caption', 'Requests a second (line) and 5xx (dashed) in the last two minutes, at most ' + number(most) + '/s'));
  const rows = (list, olds, kind) => (list || []).map(z => {
    const o = (olds || []).find(x => x.name === z.name);
    return [kind + (z.name || '(no status_zone)'), number(rate(r, z.requests, o ? o.requests : 0)), number(z.requests), number(classOf(z, '4')), number(classOf(z, '5')), quantile(z, o, 0.5), quantile(z, o, 0.99), size(z.sent)];
  });
  table($('zones'), 'By zone; times of the last second', ['zone', '#requests/s', '#requests', '#4xx', '#5xx', '#median', '#99 %', '#sent'],
    [...rows(r.web.server_zones, last && last.web.server_zones, 'server '), ...rows(r.web.location_zones, last && last.web.location_zones, 'location ')]);
}

function showErrors(r) {
  const kinds = [];
  const statuses = {}, before = {};
  const gather = (r, into) => { for (const z of r.web.server_zones || []) for (const s in z.responses || {}) if (s >= '400') into[s] = (into[s] || 0) + z.responses[s]; };
  gather(r, statuses);
  if (last) gather(last, before);
  for (const s of Object.keys(statuses).sort()) kinds.push(['answered with status ' + s, statuses[s], before[s] || 0]);
  const sum = (r, f) => r ? f(r) : 0;
  const other = (name, f) => { const n = sum(r, f); if (n) kinds.push([name, n, sum(last, f)]); };
  const peers = f => r => (r.upstreams || []).reduce((n, u) => n + u.peers.reduce((m, p) => m + f(p), 0), 0);
  const tls = f => r => (r.web.server_zones || []).reduce((n, z) => n + (z.tls ? f(z.tls) : 0), 0);
  other('requests without an answer', r => (r.web.server_zones || []).reduce((n, z) => n + (z.discarded || 0), 0));
  other('tries at back ends that failed', peers(p => p.fails));
  other('health checks that failed', peers(p => (p.checks || []).reduce((n, c) => n + c.fails, 0)));
  other('TLS handshakes that failed', tls(t => t.failed));
  other('TLS handshakes that timed out', tls(t => t.timed_out));
  other('VRRP packets dropped', r => (r.instances || []).reduce((n, i) => n + Object.values(i.counters.dropped || {}).reduce((a, b) => a + b, 0), 0));
  other('adverts not sent', r => (r.instances || []).reduce((n, i) => n + i.counters.send_errors, 0));
  other('peer links refused', r => Object.values(r.link_refused || {}).reduce((a, b) => a + b, 0));
  other('log lines dropped', r => r.web.log_lines_dropped || 0);
  other('reloads that failed', r => r.configuration.failed_reloads);
  other('panics survived', r => r.panics);
  $('errors').hidden = !kinds.length;
  $('noerrors').hidden = kinds.length > 0;
  table($('errors'), 'By kind', ['what', '#a second', '#since the start'], kinds.map(([name, n, old]) => [name, number(rate(r, n, old)), number(n)]));
}

function showUpstreams(r) {
  const list = r.upstreams || [];
  $('upstreams').hidden = !list.length;
  const heads = ['peer', 'state', '#requests/s', '#now', '#failed', '#median', '#99 %', 'check'];
  if (may) heads.push('');
  table($('peers'), 'By peer; times of the last second', heads, list.flatMap(u => u.peers.map(p => {
    const olds = last && (last.upstreams || []).find(x => x.name === u.name && !x.stream === !u.stream);
    const o = olds && olds.peers.find(x => x.addr === p.addr);
    const check = (p.checks || []).map(c => c.checks ? (c.last_passed ? 'passed' : c.reason) : 'not yet').join('; ');
    const row = [u.name + ' ' + p.addr + (p.backup ? ' (backup)' : ''), tag(p.state, p.state === 'up' ? 'good' : p.state === 'draining' || p.state === 'down' ? 'warn' : 'bad'),
      number(rate(r, p.requests, o ? o.requests : 0)), number(p.active), number(p.fails), quantile(p, o, 0.5), quantile(p, o, 0.99), check];
    if (may) {
      const set = (label, verb) => {
        const b = el('button', '', label);
        b.type = 'button';
        b.dataset.order = 'upstream ' + (u.stream ? 'stream ' : 'http ') + u.name + ' set ' + p.server + ' ' + verb;
        b.dataset.key = b.dataset.order;
        b.setAttribute('aria-label', label + ' ' + p.server + ' of ' + u.name);
        return b;
      };
      row.push(p.state === 'draining' || p.state === 'down' ? set('Take back', 'up') : set('Drain', 'drain'));
    }
    return row;
  })));
}

function showCertificates(r) {
  const seen = new Set(), list = (r.certificates || []).filter(c => { const k = c.name + '\n' + c.source; return !seen.has(k) && seen.add(k); });
  $('certificates').hidden = !list.length;
  const left = c => c.ends ? (Date.parse(c.ends) - Date.parse(r.at)) / 1000 : null;
  table($('certs'), 'The first to end first', ['name', 'ends', 'issuer', 'source', 'renewal', 'last error'], list.sort((a, b) => (left(a) ?? -1) - (left(b) ?? -1)).map(c => {
    const s = left(c);
    const ends = s === null ? tag('there is none yet', 'warn') : s < 0 ? tag('ended ' + duration(-s) + ' ago', 'bad') : tag('in ' + duration(Math.floor(s / 60) * 60), s < 7 * 86400 ? 'bad' : s < 21 * 86400 ? 'warn' : 'good');
    const renew = !c.renew ? 'by somebody else' : c.elsewhere ? 'by the other node' : Date.parse(c.renew) < Date.parse(r.at) ? 'now' : 'in ' + duration((Date.parse(c.renew) - Date.parse(r.at)) / 1000);
    return [(c.names && c.names.length ? c.names.join(', ') : c.name), ends, c.issuer || '', c.source, renew, c.error || ''];
  }));
}

function showCaches(r) {
  const list = r.caches || [];
  $('caches').hidden = !list.length;
  table($('cachelist'), 'Answers since the start', ['cache', '#hit ratio', '#hits', '#misses', '#stale', '#entries', '#size'], list.map(c => {
    const n = how => (c.uses[how] || { responses: 0 }).responses;
    const all = Object.values(c.uses).reduce((a, u) => a + u.responses, 0), hits = n('hit') + n('stale') + n('updating') + n('revalidated');
    return [c.name, all ? Math.round(hits / all * 100) + ' %' : '–', number(n('hit')), number(n('miss') + n('expired') + n('bypass')), number(n('stale') + n('updating')), number(c.entries), size(c.size) + (c.max_size ? ' of ' + size(c.max_size) : '')];
  }));
}

function showConfiguration(r) {
  const c = r.configuration, u = r.resources;
  const drift = [...new Set((r.instances || []).flatMap(i => (i.peers || []).flatMap(p => (p.drift || []).map(d => p.node + ': ' + d))))];
  pairs($('configuration'), [
    ['files', [c.nginx_conf, c.keepalived_conf].filter(Boolean).join(', ')],
    ['generation', c.generation + ', read ' + since(r, c.loaded) + ' ago'],
    ['last reload', c.failed_reload ? tag('failed ' + since(r, c.failed_reload) + ' ago: what was before is in force', 'bad') : c.reloads ? 'worked' : 'none since the start'],
    (r.instances || []).some(i => (i.peers || []).length) && ['the other node', drift.length ? tag('differs', 'warn') : 'has the same configuration', drift.length ? ' ' + drift.join(', ') : ''],
    ['listening on', (r.web.listeners || []).join(', ')],
    ['planned switches', r.handovers ? r.handovers.done + ' done, ' + r.handovers.failed + ' failed' : ''],
    ['memory', size(u.resident)], ['open files', u.files], ['process', r.pid],
  ]);
}

// Orders: asked back, then given.
const questions = {
  demote: 'Demote this node? It hands its addresses over to the other node and stays in reserve until it is promoted.',
  promote: 'Promote this node? It takes the addresses over, if its priority is the higher one.',
  reload: 'Read the configuration again and put it to work?',
};
let wanted = '';
document.addEventListener('click', e => {
  const b = e.target.closest('button[data-order]');
  if (!b) return;
  wanted = b.dataset.order;
  put($('question'), questions[wanted] || b.getAttribute('aria-label') + '?');
  $('ask').returnValue = 'no';
  $('ask').showModal();
});
$('ask').addEventListener('close', async () => {
  if ($('ask').returnValue !== 'yes') return;
  put($('said'), 'Working …');
  try {
    const answer = await fetch(location.pathname + '?order=' + encodeURIComponent(wanted), { method: 'POST' });
    const text = await answer.text();
    let what = { ok: false, text: 'refused, with status ' + answer.status };
    try { what = JSON.parse(text); } catch { /* a page of the server's */ }
    put($('said'), (what.ok ? '' : 'Not done: ') + what.text);
  } catch (err) {
    put($('said'), 'Not done: ' + err.message);
  }
});

const events = new EventSource(location.pathname + '?events');
let heard = Date.now();
events.onmessage = e => {
  heard = Date.now();
  show(JSON.parse(e.data));
};
setInterval(() => { $('lost').hidden = Date.now() - heard < 4000; }, 500);
