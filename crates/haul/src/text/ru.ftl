# The text console. Existing clients read these answers, so they stay letter for letter.

console-help-help-command = help_command - Перечень доступных команд.
console-help-start = start - Начать запись url.
console-help-end = end - Закончить запись url и отправить на обработку.
console-help-queue = queue - Показать url в ожидании.
console-help-loading = loading - Показать url ,по которой происходит загрузка.
console-help-download = download - Показать url ,по которым загрузились файлы.
console-help-watch = watch - Показывать ход загрузок раз в секунду.
console-help-watch-off = watch off - Больше не показывать ход загрузок.
console-help-pause = pause URL - Приостановить загрузку.
console-help-resume = resume URL - Возобновить загрузку.
console-help-cancel = cancel URL - Отменить загрузку.
console-help-lang = lang en|ru - Выбрать язык ответов.
console-help-help = help - То же, что help_command.

console-submitted = Отправка urls на обработку.
console-nothing-added = Не добавлено ни одного url для скачивания.
console-not-a-url = url не соответствует формату.
console-not-a-file = Данный url не предназначена для скачивания файла.
console-dead-url = url не действительна.
console-delivered-before = Файл по данному url был скачен ранее и находится по адресу: { $file }
console-batch-running = Для добавления новых url на скачивание, дождитесь окончания загрузки отправленных ранее.
console-queued = url:{ $url }, status: В очереди
console-paused-waiting = url:{ $url }, status: На паузе
console-loading = url:{ $url }, file_amount_bytes:{ $size }, threads_size:{ $threads }, status:{ $percent }
console-downloaded = url:{ $url }, file_amount_bytes:{ $size }, patch: { $file }
console-not-downloaded = url:{ $url }, status: Ошибка: { $why }
console-empty = Список пуст.
console-unknown-command = Команда не найдена.

console-not-added = Не удалось добавить urls: { $why }
console-paused = Загрузка приостановлена: { $url }
console-resumed = Загрузка возобновлена: { $url }
console-cancelled = Загрузка отменена: { $url }
console-no-such-url = Загрузки с таким url нет.
console-not-now = Для загрузки с таким url это сейчас невозможно.
console-failed = Не получилось: { $why }
