# The text console.

console-help-help-command = help_command - List the commands.
console-help-start = start - Begin recording URLs.
console-help-end = end - Finish recording URLs and send them off to be downloaded.
console-help-queue = queue - Show the URLs that are waiting.
console-help-loading = loading - Show the URLs that are being downloaded.
console-help-download = download - Show the URLs whose files have been downloaded.
console-help-watch = watch - Show the progress of downloads once a second.
console-help-watch-off = watch off - Stop showing progress.
console-help-pause = pause URL - Pause a download.
console-help-resume = resume URL - Resume a download.
console-help-cancel = cancel URL - Cancel a download.
console-help-lang = lang en|ru - Choose the language of the answers.
console-help-help = help - The same as help_command.

console-submitted = Sending the URLs off to be downloaded.
console-nothing-added = No URL was added for download.
console-not-a-url = This is not a well-formed URL.
console-not-a-file = This URL leads to a page, not to a file to download.
console-dead-url = This URL does not work.
console-delivered-before = The file at this URL was downloaded before and is at: { $file }
console-batch-running = Wait until the URLs sent before have been downloaded, then add new ones.
console-queued = url:{ $url }, status: Queued
console-paused-waiting = url:{ $url }, status: Paused
console-loading = url:{ $url }, file_amount_bytes:{ $size }, threads_size:{ $threads }, status:{ $percent }
console-downloaded = url:{ $url }, file_amount_bytes:{ $size }, patch: { $file }
console-not-downloaded = url:{ $url }, status: Failed: { $why }
console-empty = The list is empty.
console-unknown-command = No such command.

console-not-added = The URLs could not be added: { $why }
console-paused = Paused: { $url }
console-resumed = Resumed: { $url }
console-cancelled = Cancelled: { $url }
console-no-such-url = There is no download with this URL.
console-not-now = The download with this URL cannot do that now.
console-failed = That did not work: { $why }

# Numbers, on the page.

unit-b = B
unit-kib = KiB
unit-mib = MiB
unit-gib = GiB
unit-tib = TiB
unit-pib = PiB
unit-eib = EiB
unit-per-second = /s
unit-percent = %
time-seconds = { $seconds }s
time-minutes = { $minutes }m { $seconds }s
time-hours = { $hours }h { $minutes }m
time-days = { $days }d { $hours }h

# Where a download stands.

status-queued = Queued
status-probing = Connecting
status-downloading = Downloading
status-paused = Paused
status-verifying = Verifying
status-delivering = Finishing
status-completed = Done
status-failed = Failed
status-cancelled = Cancelled

thread-connecting = connecting
thread-streaming = receiving
thread-waiting = waiting
thread-retrying = will retry

reason-asked-to-wait = The server asks to wait { $time }
reason-no-network = This machine has no network; next try in { $time }
reason-connections = { $active ->
    [0] Waits for a connection: all { $most } to this server are in use
   *[other] { $active } of { $most } connections allowed to this server
}
reason-disk-space = Waits for disk space
reason-sources = Some of its sources are not used
reason-checking = Checks what is on the disk
reason-try = { $what }; next try in { $time }

# Why it failed, and what helps.

error-invalid-url = This is not an http or https address
error-invalid-option = This cannot be: { $detail }
error-html-page = This address leads to a web page, not to a file
error-dns = There is no host of this name
error-connect = The server cannot be reached
error-tls = No secure connection could be made
error-target-refused = This address may not be downloaded from
error-proxy = The proxy refused or failed
error-timeout = The server did not answer in time
error-disconnected = The connection broke off
error-not-found = The server does not have this file
error-refused = The server does not allow it
error-busy = The server is too busy
error-http-status = The server answered with an error
error-protocol = The server’s answer makes no sense
error-too-many-redirects = The address leads round in circles
error-changed = The file on the server is another one now
error-disk-full = The disk is full
error-disk-permission = haul may not write there
error-disk-io = The disk does not work as it should
error-checksum-mismatch = The file is not the expected one: its checksum differs
error-file-exists = There is a file of this name already
error-no-such-download = This download is gone
error-illegal-state = It cannot do that now
error-store = haul’s own database failed
error-stopping = haul is about to stop
error-key-reused = This request came before, with other contents
error-too-many-keys = Too many requests at once; try again later
error-invalid-json = haul cannot read what this page sends; reload it
error-invalid-request = haul does not understand this page; reload it
error-unknown-method = haul cannot do what this page asks for; reload it
error-unknown-path = haul has nothing at this address
error-method-not-allowed = This address of haul cannot do that
error-body-too-large = This is too much at once
error-body-incomplete = The request broke off on its way to haul
error-too-many-urls = These are too many addresses at once
error-answer-too-large = The answer is too long
error-unauthorized = haul asks for its token; reload the page
error-host-refused = haul does not answer under this name
error-origin-refused = haul does not let this page in
error-upgrade-required = haul talks to programs at this address
error-not-completed = This download is not finished yet
error-file-gone = The file is no longer where it was put
error-range-not-satisfiable = The file does not have these bytes
error-precondition-failed = The file is another one now
error-too-many-sockets = Too many pages are open at haul
error-no-place = It waits or stands too far behind, so its place in the queue is not known
error-no-connection = There is no connection to haul
error-all-rejected = None of these can be downloaded

advice-html-page = Open the page and copy the address of the file itself, or add it again and allow web pages.
advice-dns = Check the address for a slip, and whether this network can reach the internet.
advice-connect = Retry later, or check whether the server is up.
advice-tls = The server’s certificate may have expired. Do not give it anything secret.
advice-target-refused = Private addresses are refused here; the setting “targets” allows them.
advice-proxy = Check the setting “proxy”.
advice-timeout = Retry later; what is here is kept.
advice-disconnected = Retry; what is here is kept.
advice-not-found = Look for a new address of the file and put it in under “Change”; what is here is kept.
advice-refused = It may need a password or a header, or the link has expired: put a new one in under “Change”.
advice-busy = Retry later, with fewer threads.
advice-changed = Retry to begin anew with the new file.
advice-disk-full = Make room and retry; what is here is kept.
advice-disk-permission = Check who may write to the folder, or choose another.
advice-checksum-mismatch = Compare the checksum with the publisher’s. If it is right, retry.
advice-file-exists = Rename or move that file, or add the download under another name.

# Why it is no faster, or does not move.

why-waits = { $reason }.
why-disk-space = Waits for disk space: { $size } to come, { $free } free.
why-queued = It waits for its turn: { $active } of { $downloads } downloads are at work.
why-no-answer-yet = The server has not answered yet.
why-own-limit = Its own speed limit of { $own } is used up.
why-overall-limit = The speed limit of { $overall } over all downloads is used up.
why-one-stream = The server gives the file only in one piece: one connection fetches all of it.
why-retrying = Threads that wait to try again: { $retrying } of { $threads }. New tries so far: { $attempts }.
why-no-connection = Threads that wait for a free connection: { $waiting }. Open now: { $open } of { $connections }, at most { $host } to one host, fewer where it has refused some.
why-connecting = Threads that wait for the server’s answer: { $connecting } of { $threads }.
why-uneven = Some connections are much slower than others: { $slowest } to { $fastest }. Fast ones take over from them.
why-wasted = { $wasted } were fetched twice, after failures or changes.
why-line = Nothing holds it back here: the server and the line give { $speed } over { $streaming ->
    [one] { $streaming } connection
   *[other] { $streaming } connections
  }.
why-verifying = Every byte is here; the checksum is computed.
why-delivering = Every byte is here; the disk confirms them.
why-paused = It is paused.
why-completed = It is complete.
why-failed = It has failed.
why-cancelled = It was cancelled.

# The page.

page-add = Add
page-search = Search
page-menu = Menu
page-help = Keys
page-tabs = Show
page-tab-all = All
page-tab-active = Active
page-tab-queued = Queued
page-tab-paused = Paused
page-tab-completed = Done
page-tab-failed = Failed
page-list = Downloads
page-column-added = Newest
page-column-queue = Queue
page-column-name = Name
page-column-progress = Progress
page-column-size = Size
page-column-speed = Speed
page-column-eta = Time left
page-column-threads = Threads
page-column-actions = Actions
page-sort = Sort by
page-select-all = Select all
page-select = Select { $name }
page-free = { $size } free
page-limited = Limit { $speed }
page-unlimited = No limit
page-other-language = По-русски
page-theme-auto = Theme: as the system
page-theme-light = Theme: light
page-theme-dark = Theme: dark
page-lost = No connection to haul. The page keeps trying; what it shows may be old.
page-try-now = Try now
page-amount = { $done } of { $size }
page-in-queue = No. { $place } in the queue
page-nothing-found = Nothing here.
page-nothing-found-clear = Clear the search

page-empty-title = No downloads yet
page-empty-field = Address of a file
page-empty-paste = Paste addresses anywhere on this page, as many as you like.
page-empty-drop = Drop links or a text file of addresses.
page-empty-command = Or in a terminal:

page-selected = { $count ->
    [one] { $count } selected
   *[other] { $count } selected
  }
page-selected-actions = Actions for the selected downloads
page-selected-clear = Clear the selection
page-resume = Resume
page-pause = Pause
page-retry = Retry
page-cancel = Cancel
page-remove = Remove
page-save = Save
page-copy-file = Copy file:///
page-top = Start next
page-up = Up in the queue
page-down = Down in the queue
page-bottom = Last in the queue
page-close = Close
page-apply = Apply
page-keep = Keep
page-dismiss = Cancel

page-done-pause = { $count ->
    [one] { $count } download paused
   *[other] { $count } downloads paused
  }
page-done-resume = { $count ->
    [one] { $count } download resumed
   *[other] { $count } downloads resumed
  }
page-done-retry = { $count ->
    [one] { $count } download begun again
   *[other] { $count } downloads begun again
  }
page-done-cancel = { $count ->
    [one] { $count } download cancelled
   *[other] { $count } downloads cancelled
  }
page-done-remove = { $count ->
    [one] { $count } download removed
   *[other] { $count } downloads removed
  }
page-failed-one = { $name }: { $why }
page-failed-many = { $count ->
    [one] { $count } download could not: { $why }
   *[other] { $count } downloads could not: { $why }
  }
page-told-completed = Finished: { $names }
page-told-failed = Failed: { $names }
page-told-many-completed = { $count } downloads finished
page-told-many-failed = { $count } downloads failed
page-copied = Copied
page-changed = Changed
page-unchanged = Nothing is different, so nothing was changed
page-no-name = A file needs a name

page-remove-one = Remove “{ $name }”?
page-remove-many = { $count ->
    [one] Remove { $count } download?
   *[other] Remove { $count } downloads?
  }
page-cancel-one = Cancel “{ $name }”?
page-cancel-many = { $count ->
    [one] Cancel { $count } download?
   *[other] Cancel { $count } downloads?
  }
page-cancel-yes = { $count ->
    [1] Cancel download
    [one] Cancel { $count } download
   *[other] Cancel { $count } downloads
  }
page-lose-begun = { $count ->
    [one] What is here of an unfinished download, { $size }, will be deleted.
   *[other] What is here of { $count } unfinished downloads, { $size }, will be deleted.
  }
page-lose-nothing = Nothing that was downloaded is lost.
page-files-stay = { $count ->
    [one] The finished file stays where it is.
   *[other] { $count } finished files stay where they are.
  }
page-files-too = { $count ->
    [one] Delete the finished file, too
   *[other] Delete the { $count } finished files, too
  }
page-cancel-says = It stays in the list; retry begins it anew.

page-add-title = Add downloads
page-add-urls = Addresses
page-add-hint = One per line. Mirrors of the same file follow on the line, after a TAB.
page-add-count = { $count ->
    [one] { $count } address
   *[other] { $count } addresses
  }
page-add-many = { $count ->
    [one] Add { $count }
   *[other] Add { $count }
  }
page-add-more = and { $count } more
page-add-file = From a text file…
page-added = { $count ->
    [one] { $count } download added
   *[other] { $count } downloads added
  }
page-file-too-large = This file is too large for a list of addresses.
page-drop-here = Drop to add
page-options = Options for all of these
page-option-dir = Folder
page-option-dir-hint = inside the download folder
page-option-name = File name
page-option-name-hint = for one address only
page-option-threads = Threads
page-option-block-size = Block size
page-option-speed-limit = Speed limit, per second
page-option-priority = Priority
page-option-checksum = Checksum
page-option-headers = Headers, one per line
page-option-conflict = If the file exists
page-conflict-rename = Choose another name
page-conflict-overwrite = Replace it
page-conflict-skip = Leave it, and be done
page-conflict-fail = Fail
page-option-paused = Add paused
page-option-accept-html = Allow web pages
page-not-a-size = This is not a size. Write it like 512K, 2M or 1G.
page-not-a-header = A header has a colon after its name, as in “Referer: https://…”.

page-limits = Limits
page-limit-speed = Speed of all downloads, per second
page-limit-none = No limit
page-limit-downloads = Downloads at once
page-limit-threads = Threads per download
page-limit-connections = Connections
page-limit-host = Connections per host
page-limits-until = These hold until haul is started again; what it starts with stands in haul.toml.

page-keys = Keys
page-keys-characters = Use single-character keys, such as p and /
page-key-add = Add downloads
page-key-search = Search
page-key-move = Go up and down
page-key-select = Select
page-key-select-all = Select all
page-key-details = Details
page-key-pause = Pause or resume
page-key-remove = Remove
page-key-order = Move in the queue
page-key-close = Close, clear
page-key-help = This help

page-figure-share = Progress
page-figure-speed = Speed
page-figure-eta = Time left
page-figure-threads = Threads
page-why = What sets its speed
page-map = Blocks
page-map-full = here
page-map-some = partly
page-map-missing = to come
page-map-here = a thread writes
page-map-says = { $threads ->
    [one] Map of the file: { $percent } are here, { $threads } thread is at work
   *[other] Map of the file: { $percent } are here, { $threads } threads are at work
  }
page-threads = Threads
page-thread-number = No.
page-thread-state = State
page-thread-source = Source
page-thread-block = Block
page-thread-speed = Speed
page-graph = Speed
page-graph-seconds = { $seconds } s ago
page-graph-minutes = { $minutes } min ago
page-graph-now = now
page-graph-says = Speed now { $now }, at most { $most }
page-facts = Facts
page-fact-file = File
page-fact-path = Goes to
page-fact-url = Address
page-fact-final-url = Redirected to
page-fact-mirrors = Mirrors
page-fact-size = Size
page-fact-ranges = In parts
page-fact-type = Type
page-fact-etag = ETag
page-fact-last-modified = Last modified
page-fact-checksum = Checksum
page-fact-threads = Threads, at most
page-fact-block-size = Block size
page-fact-speed-limit = Speed limit
page-fact-priority = Priority
page-fact-added = Added
page-fact-started = Started
page-fact-finished = Finished
page-fact-attempts = New tries
page-fact-wasted = Fetched twice
page-fact-id = Id
page-bytes = { $size } ({ $bytes } bytes)
page-yes = yes
page-no-ranges = no: one connection only, and a pause begins anew
page-verified = verified
page-not-verified = differs
page-copy-what = Copy: { $what }
page-events = What has happened
page-change = Change
page-change-speed-limit = Speed limit, per second
page-change-threads = Threads
page-change-priority = Priority
page-change-name = File name
page-change-url = New address, in place of an expired one

page-door-title = This haul asks for its token
page-door-missing = It answers only to those who know its token: one was set for it, or it listens beyond this machine.
page-door-wrong = That was not the token. Try again.
page-door-where = The token was shown when haul was first started, and is in its configuration or its state directory.
page-door-label = Token
page-door-open = Open
