//! Sizes, rates and durations as people read and write them.

use std::time::Duration;

/// Returns a value with three digits.
pub fn number(value: f64) -> String {
    let decimals = match value {
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// Returns bytes with three digits and a binary unit: `7.87 GiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    // 999.5 would be written with four digits.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let value = if unit == 0 { value.to_string() } else { number(value) };
    format!("{value} {}", UNITS[unit])
}

/// Returns a rate: `1.20 GiB/s`.
pub fn rate(bytes_per_second: f64) -> String {
    format!("{}/s", bytes(bytes_per_second.max(0.0) as u64))
}

/// Returns a duration with a fitting unit: `1.5 ms`, `12 s`, `3 min 5 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        _ if seconds < 1e-6 => format!("{} ns", duration.as_nanos()),
        _ if seconds < 1e-3 => format!("{:.1} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds < 10.0 => format!("{seconds:.1} s"),
        _ if seconds < 120.0 => format!("{seconds:.0} s"),
        _ if seconds < 7200.0 => format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60),
        _ => format!("{} h {} min", duration.as_secs() / 3600, duration.as_secs() % 3600 / 60),
    }
}

/// Parses a number of bytes: `4096`, `512K`, `1.5GiB`, `2GB`; `K` and `KiB` are 1,024 bytes, `KB` is 1,000.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let unit_start = text.find(|byte: char| !byte.is_ascii_digit() && byte != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_start);
    let value: f64 = number.parse().map_err(|_| format!("\"{text}\" is not a size, such as 512M or 1.5GB"))?;
    let (prefix, base) = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => (0, 1024_f64),
        unit => {
            let power = unit.chars().next().and_then(|prefix| "kmgtpe".find(prefix)).map(|index| index as i32 + 1);
            match (power, unit.get(1..)) {
                (Some(power), Some("" | "ib")) => (power, 1024.0),
                (Some(power), Some("b")) => (power, 1000.0),
                _ => return Err(format!("\"{text}\" has no unit of bytes, such as M, MiB or MB")),
            }
        }
    };
    let bytes = value * base.powi(prefix);
    if bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err(format!("\"{text}\" is too large")) }
}

/// Parses bytes per second: a size, and `/s` after it if one likes.
pub fn parse_rate(text: &str) -> Result<u64, String> {
    match parse_bytes(text.strip_suffix("/s").unwrap_or(text))? {
        // The library takes 0 for no limit.
        0 => Err(format!("\"{text}\" is less than 1 byte per second")),
        rate => Ok(rate),
    }
}

/// Parses a duration: `500us`, `5ms`, `30s`, `2min`, `1h`; seconds if there is no unit.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let unit_start = text.find(|byte: char| !byte.is_ascii_digit() && byte != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_start);
    let value: f64 = number.parse().map_err(|_| format!("\"{text}\" is not a duration, such as 5ms or 30s"))?;
    let scale = match unit.trim() {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("\"{text}\" has no unit of time, such as ms or s")),
    };
    Duration::try_from_secs_f64(value * scale).map_err(|_| format!("\"{text}\" is too long"))
}

/// Parses a time limit, which is not 0: the library takes that for no limit.
pub fn parse_time_limit(text: &str) -> Result<Duration, String> {
    at_least(text, Duration::from_nanos(1), "no time")
}

/// Parses how often something is shown: not too often, as the machine has other work to do.
pub fn parse_interval(text: &str) -> Result<Duration, String> {
    at_least(text, Duration::from_millis(100), "shorter than the shortest interval, 100ms")
}

fn at_least(text: &str, minimum: Duration, less: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration < minimum { Err(format!("\"{text}\" is {less}")) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([0.5, 9.999, 12.345, 140.4, 1234.0].map(number), ["0.50", "10.0", "12.3", "140", "1234"]);
    }

    #[test]
    fn sizes_have_three_digits() {
        let written = [0, 1023, 1024, 1536, 10 << 20, 999 << 20, 8 << 30, u64::MAX].map(bytes);
        assert_eq!(written, ["0 B", "1.00 KiB", "1.00 KiB", "1.50 KiB", "10.0 MiB", "999 MiB", "8.00 GiB", "16.0 EiB"]);
    }

    #[test]
    fn sizes_and_durations_are_parsed_with_their_units() {
        let sizes = ["4096", "1K", "1KiB", "1kB", "1.5G", "2 MB"].map(|text| parse_bytes(text).unwrap());
        assert_eq!(sizes, [4096, 1024, 1024, 1000, 3 << 29, 2_000_000]);
        assert_eq!(parse_rate("1GB/s"), Ok(1_000_000_000));
        assert!(["0", "0GB/s", "0.9"].iter().all(|rate| parse_rate(rate).is_err()));
        for wrong in ["", "x", "1X", "1KiX", "1.2.3", "-1", "99999999999G", "1é"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
        let durations = ["5ms", "30", "2min", "1h", "250us"].map(|text| parse_duration(text).unwrap());
        assert_eq!(durations.map(|duration| duration.as_micros()), [5000, 30_000_000, 120_000_000, 3_600_000_000, 250]);
        for wrong in ["", "5 weeks", "-1s", "1e400s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_have_a_fitting_unit() {
        let written = [0, 1_500, 1_500_000, 1_500_000_000, 90_000_000_000, 185_000_000_000, 7_320_000_000_000]
            .map(|nanoseconds| duration(Duration::from_nanos(nanoseconds)));
        assert_eq!(written, ["0 ns", "1.5 µs", "1.5 ms", "1.5 s", "90 s", "3 min 5 s", "2 h 2 min"]);
    }

    #[test]
    fn an_interval_is_not_too_short() {
        assert_eq!(parse_interval("1"), Ok(Duration::from_secs(1)));
        assert!(parse_interval("0").is_err() && parse_interval("99ms").is_err() && parse_interval("x").is_err());
    }

    #[test]
    fn a_limit_is_not_0() {
        assert_eq!(parse_time_limit("5ms"), Ok(Duration::from_millis(5)));
        assert!(parse_time_limit("0").unwrap_err().contains("no time") && parse_time_limit("x").is_err());
    }
}
