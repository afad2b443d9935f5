// The text of a Date field.
#ifndef HEADGATE_NATIVE_DATE_H_
#define HEADGATE_NATIVE_DATE_H_

#include <time.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace headgate {

constexpr size_t kDateBytes = 29;

inline void Two(char* to, int64_t number) {
  to[0] = static_cast<char>('0' + number / 10);
  to[1] = static_cast<char>('0' + number % 10);
}

// IMF-fixdate, RFC 9110 section 5.6.7. Years begin in March here, so that the leap day is a year's last
// (H. Hinnant, "chrono-compatible low-level date algorithms").
inline void WriteDate(char* to, int64_t seconds) {
  const int64_t days = seconds / 86'400;
  const int64_t second = seconds % 86'400;
  const int64_t shifted = days + 719'468;  // from 0000-03-01
  const int64_t era = shifted / 146'097;
  const int64_t day_of_era = shifted % 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month = (5 * day_of_year + 2) / 153;  // 0: March
  const int64_t year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);
  memcpy(to, "SunMonTueWedThuFriSat" + (days + 4) % 7 * 3, 3);
  memcpy(to + 3, ", ", 2);
  Two(to + 5, day_of_year - (153 * month + 2) / 5 + 1);
  to[7] = ' ';
  memcpy(to + 8, "MarAprMayJunJulAugSepOctNovDecJanFeb" + month * 3, 3);
  to[11] = ' ';
  Two(to + 12, year / 100);
  Two(to + 14, year % 100);
  to[16] = ' ';
  Two(to + 17, second / 3'600);
  to[19] = ':';
  Two(to + 20, second / 60 % 60);
  to[22] = ':';
  Two(to + 23, second % 60);
  memcpy(to + 25, " GMT", 4);
}

inline int64_t NowSeconds() {
  timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec;
}

}  // namespace headgate

#endif  // HEADGATE_NATIVE_DATE_H_
