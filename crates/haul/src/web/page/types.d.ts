// The shapes that pass between the daemon and the page, and between its modules. For the type checker only:
// no browser loads this.

export type Status =
  | "queued" | "probing" | "downloading" | "paused" | "verifying" | "delivering"
  | "completed" | "failed" | "cancelled";

export interface Failure {
  code: string;
  detail: string;
  url: string | null;
  status?: number;
  retryable: boolean;
}

/** What `reason` says, for programs. */
export interface Waits {
  code: string;
  /** Until the next try. */
  seconds?: number;
  status?: number;
  /** Connections that the host gives, and as many as it may give. */
  active?: number;
  most?: number;
}

/** What is said of a wait: by name with figures, and as the daemon's sentence. */
export type Waiting = Pick<Download, "reason" | "waits">;

export interface Block {
  thread: number;
  start: number;
  /** Inclusive; null while the length is unknown. */
  end: number | null;
  done: number;
  speed: number;
  state: "connecting" | "streaming" | "waiting" | "retrying";
  url: string;
}

export interface Download {
  id: string;
  url: string;
  final_url: string | null;
  mirrors: string[];
  name: string;
  path: string | null;
  file_url: string | null;
  status: Status;
  size: number | null;
  done: number;
  progress: number | null;
  threads: { active: number; limit: number };
  block_size: number;
  ranges: boolean | null;
  speed: number;
  eta: number | null;
  speed_limit: number;
  priority: number;
  position: number | null;
  etag: string | null;
  last_modified: string | null;
  content_type: string | null;
  checksum: {
    algorithm: string;
    expected: string | null;
    actual: string | null;
    verified: boolean | null;
  };
  error: Failure | null;
  reason: string | null;
  waits: Waits | null;
  attempts: number;
  wasted: number;
  added_at: string;
  started_at: string | null;
  finished_at: string | null;
  revision: number;
  blocks?: Block[];
  map?: string;
}

/** Some fields of a download, and which one it is. */
export type Change = Partial<Download> & { id: string };

export interface Stats {
  speed: number;
  active: number;
  queued: number;
  paused: number;
  completed: number;
  failed: number;
  connections: number;
  free_space: number;
}

export interface Settings {
  threads: number;
  block_size: number;
  max_downloads: number;
  max_connections: number;
  max_connections_per_host: number;
  speed_limit: number;
}

export interface Snapshot {
  subscription: string;
  revision: number;
  downloads: Download[];
  stats: Stats;
}

export interface Changed {
  subscription: string;
  from: number;
  revision: number;
  downloads: Change[];
  removed: string[];
  stats: Stats;
}

/** What the tabs tell apart. */
export type Group = "all" | "active" | "queued" | "paused" | "completed" | "failed";

export type SortKey = "added" | "name" | "progress" | "size" | "speed" | "eta" | "threads" | "queue";

export interface Sorting {
  key: SortKey;
  /** 1 is ascending, -1 descending. */
  direction: 1 | -1;
}

/** What goes into a message: numbers choose the plural, too. */
export type Values = Record<string, string | number>;

/** What becomes of a URL that the daemon did not take. */
export interface Rejected {
  url: string;
  code: string;
  detail: string;
}
