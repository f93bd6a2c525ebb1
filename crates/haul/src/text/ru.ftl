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

# Числа на странице.

unit-b = Б
unit-kib = КиБ
unit-mib = МиБ
unit-gib = ГиБ
unit-tib = ТиБ
unit-pib = ПиБ
unit-eib = ЭиБ
unit-per-second = /с
unit-percent = { " " }%
time-seconds = { $seconds } с
time-minutes = { $minutes } мин { $seconds } с
time-hours = { $hours } ч { $minutes } мин
time-days = { $days } д { $hours } ч

# Состояние загрузки.

status-queued = В очереди
status-probing = Соединение
status-downloading = Загрузка
status-paused = Пауза
status-verifying = Проверка
status-delivering = Завершение
status-completed = Готово
status-failed = Ошибка
status-cancelled = Отменено

thread-connecting = соединяется
thread-streaming = принимает
thread-waiting = ждёт
thread-retrying = повторит

reason-asked-to-wait = Сервер просит подождать { $time }
reason-no-network = Нет сети; новая попытка через { $time }
reason-connections = { $active ->
    [0] Ждёт соединения: с этим сервером их не больше { $most }, и все заняты
   *[other] Соединений с этим сервером: { $active } из { $most } разрешённых
}
reason-disk-space = Ждёт места на диске
reason-sources = Часть источников не используется
reason-checking = Проверяет то, что уже есть на диске
reason-try = { $what }; новая попытка через { $time }

# Почему не получилось и что поможет.

error-invalid-url = Это не адрес http или https
error-invalid-option = Так нельзя: { $detail }
error-html-page = По этому адресу веб-страница, а не файл
error-dns = Сервера с таким именем нет
error-connect = Не удаётся соединиться с сервером
error-tls = Не удалось установить защищённое соединение
error-target-refused = С этого адреса скачивать не разрешено
error-proxy = Прокси отказал или не работает
error-timeout = Сервер не ответил вовремя
error-disconnected = Соединение оборвалось
error-not-found = На сервере нет этого файла
error-refused = Сервер не разрешает
error-busy = Сервер перегружен
error-http-status = Сервер ответил ошибкой
error-protocol = Ответ сервера не имеет смысла
error-too-many-redirects = Адрес ведёт по кругу
error-changed = Файл на сервере теперь другой
error-disk-full = Диск заполнен
error-disk-permission = Нет прав на запись
error-disk-io = Диск работает с ошибками
error-checksum-mismatch = Это не тот файл: контрольная сумма не совпала
error-file-exists = Файл с таким именем уже есть
error-no-such-download = Этой загрузки больше нет
error-illegal-state = Сейчас это невозможно
error-store = Ошибка базы данных haul
error-stopping = haul останавливается
error-key-reused = Этот запрос уже приходил с другим содержимым
error-too-many-keys = Слишком много запросов сразу; повторите позже
error-invalid-json = haul не может прочесть то, что шлёт страница; обновите её
error-invalid-request = haul не понимает эту страницу; обновите её
error-unknown-method = haul не умеет того, о чём просит страница; обновите её
error-unknown-path = У haul нет ничего по этому адресу
error-method-not-allowed = Этот адрес haul такого не умеет
error-body-too-large = Это слишком много за один раз
error-body-incomplete = Запрос оборвался на пути к haul
error-too-many-urls = Это слишком много адресов за один раз
error-answer-too-large = Ответ слишком длинный
error-unauthorized = haul спрашивает токен; обновите страницу
error-host-refused = Под этим именем haul не отвечает
error-origin-refused = haul не пускает эту страницу
error-upgrade-required = По этому адресу haul говорит с программами
error-not-completed = Эта загрузка ещё не закончена
error-file-gone = Файла больше нет там, куда его положил haul
error-range-not-satisfiable = В файле нет этих байтов
error-precondition-failed = Файл теперь другой
error-too-many-sockets = У haul открыто слишком много страниц
error-no-place = Место в очереди неизвестно: загрузка ждёт или стоит слишком далеко
error-no-connection = Нет связи с haul
error-all-rejected = Ничего из этого нельзя скачать

advice-html-page = Откройте страницу и скопируйте адрес самого файла или добавьте её снова, разрешив веб-страницы.
advice-dns = Проверьте, нет ли в адресе опечатки и есть ли связь с интернетом.
advice-connect = Повторите позже или проверьте, работает ли сервер.
advice-tls = Возможно, истёк сертификат сервера. Не передавайте ему ничего секретного.
advice-target-refused = Частные адреса здесь запрещены; их разрешает настройка «targets».
advice-proxy = Проверьте настройку «proxy».
advice-timeout = Повторите позже: загруженное сохранено.
advice-disconnected = Повторите: загруженное сохранено.
advice-not-found = Найдите новый адрес файла и впишите его в разделе «Изменить»: загруженное сохранено.
advice-refused = Возможно, нужен пароль или заголовок, или ссылка устарела: впишите новую в разделе «Изменить».
advice-busy = Повторите позже, с меньшим числом потоков.
advice-changed = Повторите, чтобы начать заново с новым файлом.
advice-disk-full = Освободите место и повторите: загруженное сохранено.
advice-disk-permission = Проверьте права на папку или выберите другую.
advice-checksum-mismatch = Сверьте сумму с указанной издателем. Если она верна, повторите.
advice-file-exists = Переименуйте или переместите тот файл, или добавьте загрузку под другим именем.

# Почему не быстрее или стоит на месте.

why-waits = { $reason }.
why-disk-space = Ждёт места на диске: осталось получить { $size }, свободно { $free }.
why-queued = Ждёт своей очереди: загрузок в работе { $active } из { $downloads }.
why-no-answer-yet = Сервер ещё не ответил.
why-own-limit = Скорость упёрлась в собственное ограничение, { $own }.
why-overall-limit = Скорость упёрлась в общее ограничение, { $overall }.
why-one-stream = Сервер отдаёт файл только целиком: всё идёт через одно соединение.
why-retrying = Потоки, которые ждут повторной попытки: { $retrying } из { $threads }. Повторов до сих пор: { $attempts }.
why-no-connection = Потоки, которые ждут свободного соединения: { $waiting }. Открыто { $open } из { $connections }, с одним сервером не больше { $host }, меньше там, где он отказывал.
why-connecting = Потоки, которые ждут ответа сервера: { $connecting } из { $threads }.
why-uneven = Некоторые соединения намного медленнее других: от { $slowest } до { $fastest }. Быстрые перенимают их работу.
why-wasted = { $wasted } получено дважды из-за сбоев или изменений.
why-line = Здесь ничто не мешает: сервер и канал дают { $speed } на { $streaming ->
    [one] { $streaming } соединение
    [few] { $streaming } соединения
   *[other] { $streaming } соединений
  }.
why-verifying = Все байты здесь; вычисляется контрольная сумма.
why-delivering = Все байты здесь; диск подтверждает запись.
why-paused = Она на паузе.
why-completed = Она закончена.
why-failed = Она не удалась.
why-cancelled = Она отменена.

# Страница.

page-add = Добавить
page-search = Поиск
page-menu = Меню
page-help = Клавиши
page-tabs = Показать
page-tab-all = Все
page-tab-active = Активные
page-tab-queued = В очереди
page-tab-paused = На паузе
page-tab-completed = Готовые
page-tab-failed = Ошибки
page-list = Загрузки
page-column-added = Новые
page-column-queue = Очередь
page-column-name = Имя
page-column-progress = Ход
page-column-size = Размер
page-column-speed = Скорость
page-column-eta = Осталось
page-column-threads = Потоки
page-column-actions = Действия
page-sort = Порядок
page-select-all = Выбрать все
page-select = Выбрать { $name }
page-free = Свободно { $size }
page-limited = До { $speed }
page-unlimited = Без ограничений
page-other-language = In English
page-theme-auto = Тема: как в системе
page-theme-light = Тема: светлая
page-theme-dark = Тема: тёмная
page-lost = Нет связи с haul. Страница пробует снова; показанное могло устареть.
page-try-now = Сейчас
page-amount = { $done } из { $size }
page-in-queue = { $place }-я в очереди
page-nothing-found = Здесь ничего нет.
page-nothing-found-clear = Очистить поиск

page-empty-title = Загрузок пока нет
page-empty-field = Адрес файла
page-empty-paste = Вставьте адреса в любом месте страницы, сколько угодно.
page-empty-drop = Перетащите сюда ссылки или текстовый файл с адресами.
page-empty-command = Или в терминале:

page-selected = { $count ->
    [one] Выбрана { $count }
    [few] Выбрано { $count }
   *[other] Выбрано { $count }
  }
page-selected-actions = Действия с выбранными
page-selected-clear = Снять выделение
page-resume = Продолжить
page-pause = Пауза
page-retry = Повторить
page-cancel = Отменить
page-remove = Удалить
page-save = Сохранить
page-copy-file = Копировать file:///
page-top = Начать следующей
page-up = Выше в очереди
page-down = Ниже в очереди
page-bottom = В конец очереди
page-close = Закрыть
page-apply = Применить
page-keep = Оставить
page-dismiss = Отмена

page-done-pause = { $count ->
    [one] Приостановлена { $count } загрузка
    [few] Приостановлены { $count } загрузки
   *[other] Приостановлено { $count } загрузок
  }
page-done-resume = { $count ->
    [one] Продолжена { $count } загрузка
    [few] Продолжены { $count } загрузки
   *[other] Продолжено { $count } загрузок
  }
page-done-retry = { $count ->
    [one] Начата заново { $count } загрузка
    [few] Начаты заново { $count } загрузки
   *[other] Начато заново { $count } загрузок
  }
page-done-cancel = { $count ->
    [one] Отменена { $count } загрузка
    [few] Отменены { $count } загрузки
   *[other] Отменено { $count } загрузок
  }
page-done-remove = { $count ->
    [one] Удалена { $count } загрузка
    [few] Удалены { $count } загрузки
   *[other] Удалено { $count } загрузок
  }
page-failed-one = { $name }: { $why }
page-failed-many = { $count ->
    [one] Не вышло у { $count } загрузки: { $why }
   *[other] Не вышло у { $count } загрузок: { $why }
  }
page-told-completed = Готово: { $names }
page-told-failed = Ошибка: { $names }
page-told-many-completed = Готово загрузок: { $count }
page-told-many-failed = Загрузок с ошибкой: { $count }
page-copied = Скопировано
page-changed = Изменено
page-unchanged = Ничего не отличается, поэтому ничего не изменено
page-no-name = Файлу нужно имя

page-remove-one = Удалить «{ $name }»?
page-remove-many = { $count ->
    [one] Удалить { $count } загрузку?
    [few] Удалить { $count } загрузки?
   *[other] Удалить { $count } загрузок?
  }
page-cancel-one = Отменить «{ $name }»?
page-cancel-many = { $count ->
    [one] Отменить { $count } загрузку?
    [few] Отменить { $count } загрузки?
   *[other] Отменить { $count } загрузок?
  }
page-cancel-yes = { $count ->
    [1] Отменить загрузку
    [one] Отменить { $count } загрузку
    [few] Отменить { $count } загрузки
   *[other] Отменить { $count } загрузок
  }
page-lose-begun = { $count ->
    [1] Полученное от незаконченной загрузки, { $size }, будет стёрто.
    [one] Полученное от { $count } незаконченной загрузки, { $size }, будет стёрто.
   *[other] Полученное от { $count } незаконченных загрузок, { $size }, будет стёрто.
  }
page-lose-nothing = Ничего из загруженного не пропадёт.
page-files-stay = { $count ->
    [1] Готовый файл останется на месте.
    [one] { $count } готовый файл останется на месте.
    [few] { $count } готовых файла останутся на месте.
   *[other] { $count } готовых файлов останутся на месте.
  }
page-files-too = { $count ->
    [1] Стереть и готовый файл
    [one] Стереть и { $count } готовый файл
    [few] Стереть и { $count } готовых файла
   *[other] Стереть и { $count } готовых файлов
  }
page-cancel-says = Она останется в списке; повтор начнёт её заново.

page-add-title = Новые загрузки
page-add-urls = Адреса
page-add-hint = По одному в строке. Зеркала того же файла — в той же строке после TAB.
page-add-count = { $count ->
    [one] { $count } адрес
    [few] { $count } адреса
   *[other] { $count } адресов
  }
page-add-many = { $count ->
    [one] Добавить { $count }
   *[other] Добавить { $count }
  }
page-add-more = и ещё { $count }
page-add-file = Из текстового файла…
page-added = { $count ->
    [one] Добавлена { $count } загрузка
    [few] Добавлены { $count } загрузки
   *[other] Добавлено { $count } загрузок
  }
page-file-too-large = Этот файл слишком велик для списка адресов.
page-drop-here = Отпустите, чтобы добавить
page-options = Настройки для всех этих загрузок
page-option-dir = Папка
page-option-dir-hint = внутри папки загрузок
page-option-name = Имя файла
page-option-name-hint = только для одного адреса
page-option-threads = Потоки
page-option-block-size = Размер блока
page-option-speed-limit = Предел скорости, в секунду
page-option-priority = Приоритет
page-option-checksum = Контрольная сумма
page-option-headers = Заголовки, по одному в строке
page-option-conflict = Если файл уже есть
page-conflict-rename = Выбрать другое имя
page-conflict-overwrite = Заменить его
page-conflict-skip = Оставить его и закончить
page-conflict-fail = Считать ошибкой
page-option-paused = Добавить на паузе
page-option-accept-html = Разрешить веб-страницы
page-not-a-size = Это не размер. Напишите, например, 512K, 2M или 1G.
page-not-a-header = После имени заголовка стоит двоеточие, как в «Referer: https://…».

page-limits = Ограничения
page-limit-speed = Скорость всех загрузок, в секунду
page-limit-none = Без ограничения
page-limit-downloads = Загрузок одновременно
page-limit-threads = Потоков на загрузку
page-limit-connections = Соединений
page-limit-host = Соединений с одним сервером
page-limits-until = Действует до перезапуска haul; то, с чем он запускается, записано в haul.toml.

page-keys = Клавиши
page-keys-characters = Одиночные клавиши: p, / и другие
page-key-add = Добавить загрузки
page-key-search = Поиск
page-key-move = Вверх и вниз
page-key-select = Выбрать
page-key-select-all = Выбрать все
page-key-details = Подробности
page-key-pause = Пауза или продолжение
page-key-remove = Удалить
page-key-order = Переместить в очереди
page-key-close = Закрыть, очистить
page-key-help = Эта справка

page-figure-share = Ход
page-figure-speed = Скорость
page-figure-eta = Осталось
page-figure-threads = Потоки
page-why = От чего зависит скорость
page-map = Блоки
page-map-full = есть
page-map-some = частично
page-map-missing = впереди
page-map-here = пишет поток
page-map-says = { $threads ->
    [one] Карта файла: есть { $percent }, работает { $threads } поток
    [few] Карта файла: есть { $percent }, работают { $threads } потока
   *[other] Карта файла: есть { $percent }, работают { $threads } потоков
  }
page-threads = Потоки
page-thread-number = №
page-thread-state = Состояние
page-thread-source = Источник
page-thread-block = Блок
page-thread-speed = Скорость
page-graph = Скорость
page-graph-seconds = { $seconds } с назад
page-graph-minutes = { $minutes } мин назад
page-graph-now = сейчас
page-graph-says = Скорость сейчас { $now }, наибольшая { $most }
page-facts = Сведения
page-fact-file = Файл
page-fact-path = Куда
page-fact-url = Адрес
page-fact-final-url = Перенаправлен на
page-fact-mirrors = Зеркала
page-fact-size = Размер
page-fact-ranges = По частям
page-fact-type = Тип
page-fact-etag = ETag
page-fact-last-modified = Изменён
page-fact-checksum = Контр. сумма
page-fact-threads = Потоков до
page-fact-block-size = Размер блока
page-fact-speed-limit = Предел скорости
page-fact-priority = Приоритет
page-fact-added = Добавлено
page-fact-started = Начато
page-fact-finished = Закончено
page-fact-attempts = Повторов
page-fact-wasted = Получено дважды
page-fact-id = Номер
page-bytes = { $size } ({ $bytes } байт)
page-yes = да
page-no-ranges = нет: только одно соединение, а после паузы всё сначала
page-verified = проверена
page-not-verified = не совпала
page-copy-what = Копировать: { $what }
page-events = Что произошло
page-change = Изменить
page-change-speed-limit = Предел скорости, в секунду
page-change-threads = Потоки
page-change-priority = Приоритет
page-change-name = Имя файла
page-change-url = Новый адрес вместо устаревшего

page-door-title = Этот haul спрашивает токен
page-door-missing = Он отвечает лишь тем, кто знает токен: токен для него задан, или он доступен не только с этой машины.
page-door-wrong = Это был не тот токен. Попробуйте ещё раз.
page-door-where = Токен был показан при первом запуске haul; он есть в настройках или в каталоге состояния.
page-door-label = Токен
page-door-open = Открыть
