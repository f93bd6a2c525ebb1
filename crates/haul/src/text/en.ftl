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
