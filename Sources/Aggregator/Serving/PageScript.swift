/// Asks the REST interface and fills the page. Text from outside is only ever set as text, never as markup.
enum PageScript {
    static let javascript = #"""
        'use strict';
        const $ = id => document.getElementById(id);
        let cursor = null, loadedMore = false, busy = false;

        class Refused extends Error {}

        async function ask(path) {
          const token = sessionStorage.getItem('tocsin-token');
          const answer = await fetch(path, { headers: token ? { Authorization: 'Bearer ' + token } : {}, cache: 'no-store' });
          if (answer.status === 401) { $('login').hidden = false; throw new Refused('A token is needed.'); }
          const body = await answer.json();
          if (!answer.ok) throw new Error(body.detail || body.error || ('the aggregator answered ' + answer.status));
          return body;
        }

        function cell(text, kind) {
          const td = document.createElement('td');
          td.textContent = text ?? '';
          if (kind) td.className = kind;
          return td;
        }

        function fill(id, rows, columns, emptyText) {
          const body = $(id);
          body.replaceChildren(...rows);
          if (rows.length === 0) {
            const td = cell(emptyText, 'note');
            td.colSpan = columns;
            const tr = document.createElement('tr');
            tr.append(td);
            body.append(tr);
          }
        }

        function row(...cells) {
          const tr = document.createElement('tr');
          tr.append(...cells);
          return tr;
        }

        const kinds = { up: 'good', late: 'warn', down: 'bad', planned: 'note', unknown: 'note', critical: 'bad', error: 'bad', warning: 'warn', info: '', debug: 'note' };

        function ago(text) {
          if (!text) return '';
          const seconds = Math.max(0, Math.round((Date.now() - Date.parse(text)) / 1000));
          if (seconds < 90) return seconds + ' s ago';
          if (seconds < 5400) return Math.round(seconds / 60) + ' min ago';
          if (seconds < 129600) return Math.round(seconds / 3600) + ' h ago';
          return Math.round(seconds / 86400) + ' days ago';
        }

        const clock = text => new Date(text).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'medium' });
        const percent = value => value === undefined ? '' : Math.round(value * 100) + ' %';

        async function byHost(query) {
          try {
            const body = await ask('/api/v1/query?query=' + encodeURIComponent(query));
            const values = {};
            for (const item of body.data.result) values[item.metric.host ?? ''] = Number(item.value[1]);
            return values;
          } catch (error) {
            if (error instanceof Refused) throw error;
            return {};
          }
        }

        async function showAlerts() {
          const { alerts } = await ask('/api/v1/alerts?state=firing');
          fill('alert-rows', alerts.map(alert => {
            const severity = alert.labels.severity ?? '';
            const since = cell(ago(alert.starts_at), 'tight');
            since.title = alert.starts_at;
            const what = cell(alert.alertname);
            const text = alert.annotations.summary ?? alert.annotations.description;
            if (text) {
              const note = document.createElement('div');
              note.className = 'note';
              note.textContent = text;
              what.append(note);
            }
            const care = alert.acknowledged;
            if (care) {
              const note = document.createElement('div');
              note.className = 'note';
              note.textContent = care.by + ' takes care of it since ' + ago(care.at) + (care.comment ? ': ' + care.comment : '');
              note.title = care.at;
              what.append(note);
            }
            const value = typeof alert.value === 'number' ? alert.value.toLocaleString(undefined, { maximumSignificantDigits: 5 }) : '';
            return row(cell(severity, 'tight ' + (kinds[severity] ?? '')), what, cell(alert.labels.host, 'tight'), since, cell(value, 'number'));
          }), 5, 'Nothing fires.');
          return alerts.length;
        }

        async function showHosts() {
          const [{ hosts }, load, memory, disk] = await Promise.all([
            ask('/api/v1/hosts'),
            byHost('node_load1'),
            byHost('1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes'),
            byHost('max by (host) (1 - node_filesystem_avail_bytes / node_filesystem_size_bytes)'),
          ]);
          fill('host-rows', hosts.map(host => {
            const contact = cell(ago(host.last_contact), 'tight');
            contact.title = host.last_contact;
            const state = cell(host.state, 'tight ' + (kinds[host.state] ?? ''));
            state.title = host.reason;
            return row(state, cell(host.host), contact,
              cell(load[host.host]?.toFixed(2), 'number'), cell(percent(memory[host.host]), 'number'), cell(percent(disk[host.host]), 'number'),
              cell(host.tags.join(', '), 'note'));
          }), 7, 'No agent has sent anything yet.');
          $('host-names').replaceChildren(...hosts.map(host => {
            const option = document.createElement('option');
            option.value = host.host;
            return option;
          }));
          return hosts;
        }

        function eventRow(event) {
          const when = cell(clock(event.timestamp), 'tight');
          when.title = event.timestamp;
          const source = cell(event.source);
          source.title = event.type;
          const text = event.message ?? (event.type + ' ' + JSON.stringify(event.data));
          const message = cell(text, 'message');
          message.title = JSON.stringify(event.data);
          return row(when, cell(event.severity, 'tight ' + (kinds[event.severity] ?? '')), cell(event.host, 'tight'), source, message);
        }

        async function showEvents(older) {
          const query = new URLSearchParams({ limit: '50' });
          if ($('words').value.trim()) query.set('q', $('words').value.trim());
          if ($('severity').value) query.set('min_severity', $('severity').value);
          if ($('host').value.trim()) query.set('host', $('host').value.trim());
          if (older && cursor) query.set('cursor', cursor);
          const page = await ask('/api/v1/events?' + query);
          if (older) {
            $('event-rows').append(...page.events.map(eventRow));
            loadedMore = true;
          } else {
            fill('event-rows', page.events.map(eventRow), 5, 'No such events.');
          }
          cursor = page.next_cursor;
          $('more').hidden = !cursor;
        }

        async function refresh() {
          if (busy) return;
          busy = true;
          try {
            const [firing, hosts] = await Promise.all([showAlerts(), showHosts(), loadedMore ? null : showEvents(false)]);
            const away = hosts.filter(host => host.state === 'down').length;
            const text = (firing ? firing + ' firing' : 'nothing fires') + ' · ' + hosts.length + (hosts.length === 1 ? ' host' : ' hosts')
              + (away ? ', ' + away + ' down' : '');
            // Only a change is spoken by a screen reader.
            if ($('summary').textContent !== text) $('summary').textContent = text;
            document.title = (firing ? '(' + firing + ') ' : '') + 'Tocsin';
            $('trouble').hidden = true;
          } catch (error) {
            $('trouble').hidden = error instanceof Refused;
            $('trouble').textContent = 'This page may be out of date: ' + error.message;
          } finally {
            busy = false;
          }
        }

        function search(submit) {
          submit.preventDefault();
          loadedMore = false;
          showEvents(false).catch(error => { $('trouble').textContent = error.message; $('trouble').hidden = false; });
        }

        $('search').addEventListener('submit', search);
        $('severity').addEventListener('change', search);
        $('more').addEventListener('click', () => showEvents(true).catch(() => {}));
        $('login').addEventListener('submit', submit => {
          submit.preventDefault();
          sessionStorage.setItem('tocsin-token', $('token').value.trim());
          $('token').value = '';
          $('login').hidden = true;
          refresh();
        });
        setInterval(() => { if ($('auto').checked && !document.hidden) refresh(); }, 3000);
        document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });
        refresh();
        """#
}
