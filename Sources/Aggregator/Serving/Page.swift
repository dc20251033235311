/// The page's skeleton; PageScript fills it.
enum Page {
    static let html = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Tocsin</title>
        <link rel="icon" href="data:,">
        <link rel="stylesheet" href="/assets/tocsin.css">
        <script src="/assets/tocsin.js" defer></script>
        <script src="/assets/live.js" defer></script>
        </head>
        <body>
        <a class="skip" href="#alerts">To the alerts</a>
        <header>
        <h1>Tocsin</h1>
        <p id="summary" role="status">Loading…</p>
        <label class="toggle"><input type="checkbox" id="auto" checked> refresh by itself</label>
        </header>
        <main>
        <noscript><p>This page needs JavaScript. The same is in <a href="/api/v1/status">/api/v1/status</a>,
        <a href="/api/v1/alerts">/api/v1/alerts</a> and <a href="/api/v1/events">/api/v1/events</a>.</p></noscript>
        <form id="login" hidden>
        <label for="token">This aggregator asks for a token</label>
        <input id="token" type="password" autocomplete="off" spellcheck="false" required>
        <button>Use it in this tab</button>
        </form>
        <p id="trouble" role="alert" hidden></p>
        <section aria-labelledby="alerts">
        <h2 id="alerts" tabindex="-1">Firing alerts</h2>
        <div class="scroll"><table>
        <thead><tr><th scope="col">Severity</th><th scope="col">Alert</th><th scope="col">Host</th><th scope="col">Since</th>
        <th scope="col" class="number">Value</th></tr></thead>
        <tbody id="alert-rows"></tbody>
        </table></div>
        </section>
        <section aria-labelledby="hosts">
        <h2 id="hosts">Hosts</h2>
        <div class="scroll"><table>
        <thead><tr><th scope="col">State</th><th scope="col">Host</th><th scope="col">Last contact</th><th scope="col" class="number">Load</th>
        <th scope="col" class="number">Memory used</th><th scope="col" class="number">Fullest disk</th><th scope="col">Tags</th></tr></thead>
        <tbody id="host-rows"></tbody>
        </table></div>
        </section>
        <section aria-labelledby="live">
        <h2 id="live">Live events <span id="live-state" class="note" role="status"></span></h2>
        <form id="live-form">
        <label for="live-q">Words</label><input id="live-q" type="search" autocomplete="off">
        <label for="live-min_severity">at least</label>
        <select id="live-min_severity"><option value="">any severity</option><option>debug</option><option>info</option><option>warning</option>
        <option>error</option><option>critical</option></select>
        <label for="live-host">Host</label><input id="live-host" autocomplete="off" list="host-names">
        <label for="live-source">Source</label><input id="live-source" autocomplete="off">
        <button>Filter</button>
        <button id="live-pause" type="button">Pause</button>
        </form>
        <p id="live-missed" class="warn" role="status" hidden></p>
        <div class="scroll live"><table>
        <thead><tr><th scope="col">Time</th><th scope="col">Severity</th><th scope="col">Host</th><th scope="col">Source</th>
        <th scope="col">Message</th></tr></thead>
        <tbody id="live-rows"></tbody>
        </table></div>
        </section>
        <section aria-labelledby="events">
        <h2 id="events">Latest events</h2>
        <form id="search" role="search">
        <label for="words">Words</label><input id="words" type="search" autocomplete="off">
        <label for="severity">at least</label>
        <select id="severity"><option value="">any severity</option><option>debug</option><option>info</option><option>warning</option>
        <option>error</option><option>critical</option></select>
        <label for="host">Host</label><input id="host" autocomplete="off" list="host-names"><datalist id="host-names"></datalist>
        <button>Search</button>
        </form>
        <div class="scroll"><table>
        <thead><tr><th scope="col">Time</th><th scope="col">Severity</th><th scope="col">Host</th><th scope="col">Source</th>
        <th scope="col">Message</th></tr></thead>
        <tbody id="event-rows"></tbody>
        </table></div>
        <p><button id="more" type="button" hidden>Older events</button></p>
        </section>
        </main>
        </body>
        </html>
        """
}
