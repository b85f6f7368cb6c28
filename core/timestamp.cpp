#include "core/timestamp.hpp"

#include <charconv>
#include <chrono>
#include <optional>

#include "core/format.hpp"

namespace hearth::inline core {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t decimals = 6;

// Takes what it reads off the front of `rest`.
class moment_reader {
 public:
  explicit moment_reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool done() const noexcept { return rest_.empty(); }

  bool take(char wanted) noexcept {
    if (!rest_.starts_with(wanted))
      return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Exactly `count` digits.
  std::optional<int> digits(std::size_t count) noexcept {
    if (rest_.size() < count)
      return std::nullopt;
    int number = 0;
    for (const char digit : rest_.substr(0, count)) {
      if (digit < '0' || digit > '9')
        return std::nullopt;
      number = number * 10 + (digit - '0');
    }
    rest_.remove_prefix(count);
    return number;
  }

  // What follows the point: one to six digits.
  std::optional<microseconds> fraction() noexcept {
    std::size_t count = 0;
    int number = 0;
    while (const auto digit = digits(1)) {
      if (++count > decimals)
        return std::nullopt;
      number = number * 10 + *digit;
    }
    if (count == 0)
      return std::nullopt;
    for (; count < decimals; ++count)
      number *= 10;
    return microseconds(number);
  }

 private:
  std::string_view rest_;
};

std::optional<days> read_date(moment_reader& in) {
  const auto year = in.digits(4);
  if (!year || !in.take('-'))
    return std::nullopt;
  const auto month = in.digits(2);
  if (!month || !in.take('-'))
    return std::nullopt;
  const auto day = in.digits(2);
  if (!day)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok())
    return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch();
}

// "23:59", for times of day and for offsets.
std::optional<minutes> read_clock(moment_reader& in) {
  const auto hour = in.digits(2);
  if (!hour || *hour > 23 || !in.take(':'))
    return std::nullopt;
  const auto minute = in.digits(2);
  if (!minute || *minute > 59)
    return std::nullopt;
  return hours(*hour) + minutes(*minute);
}

std::optional<microseconds> read_seconds(moment_reader& in) {
  if (!in.take(':'))
    return microseconds(0);
  const auto second = in.digits(2);
  if (!second || *second > 59)
    return std::nullopt;
  if (!in.take('.'))
    return seconds(*second);
  const auto fraction = in.fraction();
  if (!fraction)
    return std::nullopt;
  return seconds(*second) + *fraction;
}

std::optional<minutes> read_offset(moment_reader& in) {
  if (in.take('Z') || in.take('z'))
    return minutes(0);
  const bool east = in.take('+');
  if (!east && !in.take('-'))
    return std::nullopt;
  const auto offset = read_clock(in);
  if (!offset)
    return std::nullopt;
  return east ? *offset : -*offset;
}

std::optional<timestamp> read_moment(moment_reader& in) {
  const auto date = read_date(in);
  if (!date || !(in.take('T') || in.take('t') || in.take(' ')))
    return std::nullopt;
  const auto clock = read_clock(in);
  if (!clock)
    return std::nullopt;
  const auto rest = read_seconds(in);
  if (!rest)
    return std::nullopt;
  const auto offset = read_offset(in);
  if (!offset || !in.done())
    return std::nullopt;
  return timestamp{(microseconds(*date) + *clock + *rest - *offset).count()};
}

}  // namespace

std::string to_string(timestamp moment) {
  if (!is_valid(moment))
    return core::format("{} us since 1970", moment.microseconds);
  const std::chrono::sys_time<microseconds> time{microseconds(moment.microseconds)};
  const auto midnight = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss clock(time - midnight);
  auto text = core::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                           static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                           clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (const auto fraction = clock.subseconds().count(); fraction != 0) {
    text += core::format(".{:06}", fraction);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + "Z";
}

result<timestamp> parse_timestamp(std::string_view text) {
  moment_reader in(text);
  const auto moment = read_moment(in);
  if (!moment || !is_valid(*moment))
    return fail(errc::invalid_argument, core::format("\"{}\" is not a timestamp", printable(text)),
                "write it as 2024-02-29T12:30:00Z, or with an offset as in "
                "2024-02-29T12:30:00.25+01:00; years are 0001 to 9999");
  return *moment;
}

}  // namespace hearth::inline core
