/// Light and dark as the reader's system has it. Every state is a word as well as a colour; the colours have a contrast of 4.5 and more.
enum PageStyle {
    static let css = """
        :root { color-scheme: light dark; --back: #fff; --fore: #1b1f24; --soft: #57606a; --line: #d8dee4; --good: #116329; --warn: #7d4e00;
          --bad: #a40e26; --accent: #0a57c2; }
        @media (prefers-color-scheme: dark) { :root { --back: #14171b; --fore: #e6e9ed; --soft: #9aa4af; --line: #343b43; --good: #6fd08c;
          --warn: #e3b341; --bad: #ff8f88; --accent: #79b8ff; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; padding: 0 1rem 3rem; max-width: 80rem; background: var(--back); color: var(--fore);
          font: 15px/1.45 system-ui, sans-serif; }
        header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1.5rem; border-bottom: 1px solid var(--line); padding: .75rem 0; }
        h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin: 1.75rem 0 .5rem; }
        header p { margin: 0; } .toggle { margin-left: auto; color: var(--soft); }
        .scroll { overflow-x: auto; } .live { max-height: 24rem; overflow-y: auto; } h2 span { font-size: .9rem; font-weight: 400; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); }
        th { color: var(--soft); font-weight: 600; white-space: nowrap; }
        td { overflow-wrap: anywhere; } td.tight { white-space: nowrap; overflow-wrap: normal; }
        .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        .message { font-family: ui-monospace, monospace; font-size: .87em; white-space: pre-wrap; }
        .note { color: var(--soft); } .good { color: var(--good); } .warn { color: var(--warn); font-weight: 600; }
        .bad { color: var(--bad); font-weight: 700; }
        form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .5rem 0; }
        input, select, button { font: inherit; color: inherit; background: var(--back); border: 1px solid var(--soft); border-radius: 4px;
          padding: .25rem .5rem; }
        button { cursor: pointer; border-color: var(--accent); color: var(--accent); }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
        a { color: var(--accent); } .skip { position: absolute; left: -99rem; } .skip:focus { left: 1rem; top: .5rem; background: var(--back); }
        [hidden] { display: none !important; }
        #trouble { color: var(--bad); border: 1px solid var(--bad); border-radius: 4px; padding: .5rem .75rem; }
        """
}
