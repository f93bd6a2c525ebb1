//! The files of the demo: how large each is, how its server behaves, and what is asked for. Decides
//! only; `origin` does what is said here.

use std::net::SocketAddr;
use std::time::Duration;

use haul_engine::spec::Checksum;
use haul_engine::{Id, Spec};
use sha2::{Digest, Sha256};

use super::origin::fill;

/// A file of the demo.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) name: &'static str,
    /// Bytes.
    pub(super) size: u64,
    /// How long it takes, in hundredths of the demo.
    pub(super) share: u32,
    pub(super) manner: Manner,
    pub(super) asked: Asked,
}

/// How its server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It serves ranges.
    Ranges,
    /// It serves ranges, and every second connection crawls.
    Uneven,
    /// It knows no ranges.
    OneStream,
    /// It knows neither ranges nor the size.
    Unsized,
    /// It is busy at first and names a time.
    Busy,
    /// It has no such file.
    Missing,
}

/// What is asked for beside the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing.
    Plainly,
    /// That it has its digest.
    Verified,
    /// That it waits until somebody resumes it.
    Paused,
}

const MIB: u64 = 1 << 20;

const fn sample(name: &'static str, size: u64, share: u32, manner: Manner) -> Sample {
    Sample {
        name,
        size,
        share,
        manner,
        asked: Asked::Plainly,
    }
}

/// In the order in which they are added.
pub(super) const SAMPLES: &[Sample] = &[
    sample("night-train.mkv", 56 * MIB, 75, Manner::Ranges),
    sample("city-map.pmtiles", 32 * MIB, 60, Manner::Uneven),
    sample("lecture-07.mp4", 9 * MIB, 65, Manner::OneStream),
    Sample {
        asked: Asked::Verified,
        ..sample("telescope.fits", 14 * MIB, 25, Manner::Ranges)
    },
    sample("removed.zip", 0, 0, Manner::Missing),
    sample("weather-live.csv", 2 * MIB, 40, Manner::Unsized),
    sample("release.iso", 18 * MIB, 30, Manner::Busy),
    sample("photo-01.jpg", MIB + 4_711, 6, Manner::Ranges),
    sample("photo-02.jpg", 2 * MIB - 815, 8, Manner::Ranges),
    sample("photo-03.jpg", MIB + 42, 6, Manner::Ranges),
    sample("field-recording.flac", 12 * MIB, 20, Manner::Ranges),
    Sample {
        asked: Asked::Paused,
        ..sample("for-later.tar.zst", 24 * MIB, 30, Manner::Ranges)
    },
];

impl Sample {
    /// Bytes per second of one of `connections`, in a demo that lasts `length`.
    pub(super) fn pace(&self, connections: u64, length: Duration) -> u64 {
        let length = length * self.share / 100;
        let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        self.size * 1000 / millis.max(1) / connections
    }

    fn spec(&self, origin: SocketAddr) -> Spec {
        let url = format!("http://{origin}/{}", self.name);
        let url = Spec::parse_url(&url).expect("an address and a plain name make a URL");
        let checksum = (self.asked == Asked::Verified).then(|| self.checksum());
        Spec {
            checksum,
            paused: self.asked == Asked::Paused,
            ..Spec::new(url)
        }
    }

    fn checksum(&self) -> Checksum {
        let mut digest = Sha256::new();
        let mut bytes = vec![0; 1 << 16];
        let mut at = 0;
        while at < self.size {
            let piece =
                usize::try_from(self.size - at).map_or(bytes.len(), |left| left.min(bytes.len()));
            fill(at, &mut bytes[..piece]);
            digest.update(&bytes[..piece]);
            at += piece as u64;
        }
        let digest = digest.finalize();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let told = format!("sha-256={hex}").parse();
        told.expect("64 hex digits are a SHA-256")
    }
}

/// The downloads of the demo, from an origin at `origin`.
pub(crate) fn wanted(origin: SocketAddr) -> Vec<(Id, Spec)> {
    let samples = SAMPLES.iter();
    samples
        .map(|sample| (id(sample.name), sample.spec(origin)))
        .collect()
}

/// The same in each demo, and with another beginning for each file, as people type them.
fn id(name: &str) -> Id {
    let digest: [u8; 32] = Sha256::digest(name).into();
    let first = digest.first_chunk().copied().unwrap_or_default();
    Id(u64::from_be_bytes(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_has_an_id_of_its_own_and_ends_within_the_demo() {
        let origin = SocketAddr::from(([127, 0, 0, 1], 80));
        let mut ids: Vec<Id> = wanted(origin).iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), SAMPLES.len());
        let length = Duration::from_secs(60);
        for sample in SAMPLES.iter().filter(|sample| sample.size > 0) {
            let seconds = sample.size / sample.pace(1, length).max(1);
            assert!(seconds < 60, "{}: {seconds} s", sample.name);
        }
    }
}
