/// The page's live events: server-sent events over `fetch`, which, unlike EventSource, can show a token. It goes on behind the last event it was given, rests while nobody
/// looks, and says what was missed.
enum PageLive {
    static let javascript = #"""
        'use strict';
        (() => {
          // Rows shown, events that wait while it is paused, and how long a stream may say nothing: it says something every 15 s.
          const rowsMax = 300, waitingMax = 5000, silenceMax = 45000;
          let position = null, connection = null, failures = 0, again = null, paused = false;
          let waiting = [], passedOver = 0, missed = 0, drawing = false;

          function say(text, kind) {
            const state = $('live-state');
            if (state.textContent !== text) state.textContent = text;
            state.className = kind ?? 'note';
          }

          function filters() {
            const query = new URLSearchParams();
            for (const name of ['q', 'min_severity', 'host', 'source']) {
              const value = $('live-' + name).value.trim();
              if (value) query.set(name, value);
            }
            return query;
          }

          function draw() {
            drawing = false;
            if (!paused && waiting.length) {
              const rows = waiting.splice(0).slice(-rowsMax).map(eventRow).reverse();
              const body = $('live-rows');
              body.prepend(...rows);
              while (body.rows.length > rowsMax) body.lastElementChild.remove();
            }
            $('live-pause').textContent = paused ? 'Go on (' + waiting.length + (passedOver ? ' of ' + (waiting.length + passedOver) : '') + ' wait)' : 'Pause';
          }

          function drawSoon() {
            if (drawing) return;
            drawing = true;
            // A page that nobody sees is not drawn; what waits is bounded.
            requestAnimationFrame(draw);
          }

          function tellMissed() {
            $('live-missed').hidden = missed === 0;
            $('live-missed').textContent = missed + (missed === 1 ? ' event was' : ' events were')
              + ' missed: they came faster than they were read here, or were deleted before. The search below has what is still stored.';
          }

          function take(message) {
            let kind = 'message', data = null, id = null;
            for (const line of message.split('\n')) {
              if (line.startsWith('data: ')) data = line.slice(6);
              else if (line.startsWith('event: ')) kind = line.slice(7);
              else if (line.startsWith('id: ')) id = line.slice(4);
            }
            if (data !== null && kind === 'message') {
              waiting.push(JSON.parse(data));
              if (waiting.length > waitingMax) passedOver += waiting.splice(0, waiting.length - waitingMax).length;
              drawSoon();
            } else if (kind === 'missed') {
              missed += Math.max(1, JSON.parse(data).missed);
              tellMissed();
            } else if (kind === 'problem') {
              say(JSON.parse(data).detail, 'warn');
            }
            if (id !== null) position = id;
          }

          async function follow(own) {
            const token = sessionStorage.getItem('tocsin-token');
            const headers = { Accept: 'text/event-stream' };
            if (token) headers.Authorization = 'Bearer ' + token;
            if (position) headers['Last-Event-ID'] = position;
            let silence = setTimeout(() => own.abort(), silenceMax);
            try {
              const answer = await fetch('/api/v1/events/stream?' + filters(), { headers, cache: 'no-store', signal: own.signal });
              if (answer.status === 401) { $('login').hidden = false; throw new Refused('a token is needed'); }
              if (!answer.ok) {
                const problem = await answer.json();
                const text = problem.detail || ('the aggregator answered ' + answer.status);
                throw answer.status >= 500 || answer.status === 429 ? new Error(text) : new Refused(text);
              }
              say('live', 'good');
              const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
              let text = '';
              for (;;) {
                const { done, value } = await reader.read();
                if (done) throw new Error('the stream has ended');
                failures = 0;
                clearTimeout(silence);
                silence = setTimeout(() => own.abort(), silenceMax);
                text += value;
                const end = text.lastIndexOf('\n\n');
                if (end < 0) continue;
                for (const message of text.slice(0, end).split('\n\n')) take(message);
                text = text.slice(end + 2);
              }
            } finally {
              clearTimeout(silence);
            }
          }

          function connect() {
            disconnect();
            if (document.hidden) return;
            const own = connection = new AbortController();
            follow(own).catch(error => {
              // Another connection has taken its place, or nobody looks any more.
              if (connection !== own) return;
              connection = null;
              if (error instanceof Refused) { say('not live: ' + error.message, 'warn'); return; }
              failures += 1;
              say('not live, trying again: ' + error.message, 'warn');
              again = setTimeout(connect, Math.random() * Math.min(30000, 1000 * 2 ** failures) + 200);
            });
          }

          function disconnect() {
            clearTimeout(again);
            const old = connection;
            connection = null;
            if (old) old.abort();
          }

          // Other filters are another stream: it begins now.
          function restart(submit) {
            submit.preventDefault();
            (position = null), (waiting = []), (passedOver = 0), (missed = 0), (failures = 0);
            $('live-rows').replaceChildren();
            tellMissed();
            drawSoon();
            connect();
          }

          $('live-form').addEventListener('submit', restart);
          $('live-min_severity').addEventListener('change', restart);
          $('live-pause').addEventListener('click', () => {
            paused = !paused;
            if (!paused && passedOver) { missed += passedOver; passedOver = 0; tellMissed(); }
            draw();
          });
          $('login').addEventListener('submit', () => setTimeout(connect));
          document.addEventListener('visibilitychange', () => {
            if (document.hidden) { disconnect(); say('resting: this page is not seen'); } else connect();
          });
          connect();
        })();
        """#
}
