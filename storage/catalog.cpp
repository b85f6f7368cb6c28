#include "storage/catalog.hpp"

#include <sys/random.h>

#include <cerrno>
#include <mutex>

#include "core/format.hpp"
#include "core/posix_error.hpp"
#include "storage/bytes.hpp"
#include "storage/corruption.hpp"
#include "storage/events.hpp"
#include "storage/files.hpp"
#include "storage/lmdb.hpp"
#include "storage/namespace_store.hpp"
#include "storage/tables.hpp"

namespace hearth::storage {

namespace {

constexpr std::uint64_t catalog_format = 1;
constexpr std::uint64_t catalog_map_bytes = std::uint64_t{1} << 30;

// `namespaces` maps names to directory numbers. `pending` holds the numbers of directories that
// are being made or removed: whatever it names when the catalog is opened is left over from a
// crash, and goes.
struct catalog_tables {
  lmdb::table meta = 0;
  lmdb::table namespaces = 0;
  lmdb::table pending = 0;

  static result<catalog_tables> open(lmdb::write_transaction& in, bool create) {
    catalog_tables all;
    HEARTH_TRY(all.meta, in.open_table("meta", create));
    if (create)
      HEARTH_CHECK(write_format(in, all.meta, catalog_format));
    else
      HEARTH_CHECK(check_format(in, all.meta, catalog_format));
    HEARTH_TRY(all.namespaces, in.open_table("namespaces", create));
    HEARTH_TRY(all.pending, in.open_table("pending", create));
    return all;
  }
};

result<std::uint64_t> random_number() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number)
    return std::unexpected(posix_error(errno, "read random bytes"));
  return number;
}

class lmdb_catalog final : public catalog {
 public:
  lmdb_catalog(std::filesystem::path store, std::shared_ptr<logger> log,
               std::shared_ptr<lmdb::environment> environment, catalog_tables all)
      : store_(std::move(store)), log_(std::move(log)), environment_(std::move(environment)),
        tables_(all) {}

  result<std::vector<catalog_entry>> list() const override;
  result<catalog_entry> find(const std::string& name) const override;
  result<catalog_entry> create(const std::string& name, const namespace_config& config) override;
  result<void> drop(const std::string& name) override;

  [[nodiscard]] result<void> finish_interrupted();

 private:
  [[nodiscard]] std::filesystem::path directory_of(std::uint64_t number) const {
    return store_ / "namespaces" / core::format("{:016x}", number);
  }
  [[nodiscard]] result<std::optional<std::uint64_t>> number_of(const lmdb::transaction& in,
                                                               const std::string& name) const;
  [[nodiscard]] result<void> note_pending(std::uint64_t number);
  [[nodiscard]] result<void> forget_pending(std::uint64_t number);
  [[nodiscard]] result<void> enter(const std::string& name, std::uint64_t number);
  [[nodiscard]] result<void> remove_pending(std::uint64_t number);

  const std::filesystem::path store_;
  const std::shared_ptr<logger> log_;
  const std::shared_ptr<lmdb::environment> environment_;
  const catalog_tables tables_;
  mutable std::mutex mutex_;
};

result<std::uint64_t> decode_number(byte_span name, byte_span value) {
  auto in = open_checked(value, checksum(name));
  const auto number = in.u64();
  if (!in.done())
    return corrupt(
        core::format("the catalog's entry of \"{}\"",
                     std::string_view(reinterpret_cast<const char*>(name.data()), name.size())));
  return number;
}

result<std::optional<std::uint64_t>> lmdb_catalog::number_of(const lmdb::transaction& in,
                                                             const std::string& name) const {
  HEARTH_TRY(const auto value, in.get(tables_.namespaces, lmdb::as_key(name)));
  if (!value)
    return std::optional<std::uint64_t>{};
  HEARTH_TRY(const auto number, decode_number(lmdb::as_key(name), *value));
  return std::optional(number);
}

result<std::vector<catalog_entry>> lmdb_catalog::list() const {
  const std::scoped_lock lock(mutex_);
  HEARTH_TRY(const auto snapshot, environment_->begin_read());
  HEARTH_TRY(auto names, snapshot.open_cursor(tables_.namespaces));
  HEARTH_TRY(bool more, names.first());
  std::vector<catalog_entry> entries;
  while (more) {
    HEARTH_TRY(const auto number, decode_number(names.key(), names.value()));
    entries.push_back({{reinterpret_cast<const char*>(names.key().data()), names.key().size()},
                       directory_of(number)});
    HEARTH_TRY(more, names.next());
  }
  return entries;
}

result<catalog_entry> lmdb_catalog::find(const std::string& name) const {
  HEARTH_CHECK(validate_namespace_name(name));
  const std::scoped_lock lock(mutex_);
  HEARTH_TRY(const auto snapshot, environment_->begin_read());
  HEARTH_TRY(const auto number, number_of(snapshot, name));
  if (!number)
    return fail(errc::not_found, core::format("there is no namespace \"{}\"", name));
  return catalog_entry{name, directory_of(*number)};
}

result<catalog_entry> lmdb_catalog::create(const std::string& name,
                                           const namespace_config& config) {
  HEARTH_CHECK(validate_namespace_name(name));
  const std::scoped_lock lock(mutex_);
  {
    HEARTH_TRY(const auto snapshot, environment_->begin_read());
    HEARTH_TRY(const auto taken, number_of(snapshot, name));
    if (taken)
      return fail(errc::already_exists, core::format("namespace \"{}\" exists", name));
  }
  HEARTH_TRY(const auto number, random_number());
  HEARTH_CHECK(note_pending(number));
  const auto directory = directory_of(number);
  result<void> made;
  {
    namespace_store_options options;
    options.log = log_;
    if (auto store = namespace_store::create(directory, config, options); !store)
      made = std::unexpected(std::move(store).error());
  }
  if (made)
    made = enter(name, number);
  if (!made) {
    // If this fails too, the next opening does it.
    std::ignore = remove_pending(number);
    return std::unexpected(std::move(made).error());
  }
  return catalog_entry{name, directory};
}

result<void> lmdb_catalog::drop(const std::string& name) {
  HEARTH_CHECK(validate_namespace_name(name));
  const std::scoped_lock lock(mutex_);
  HEARTH_TRY(auto transaction, environment_->begin_write());
  HEARTH_TRY(const auto number, number_of(transaction, name));
  if (!number)
    return fail(errc::not_found, core::format("there is no namespace \"{}\"", name));
  HEARTH_CHECK(transaction.erase(tables_.namespaces, lmdb::as_key(name)));
  HEARTH_CHECK(transaction.put(tables_.pending, std::as_bytes(std::span(&*number, 1)), {}));
  HEARTH_CHECK(transaction.commit());
  // From here on the namespace is gone; files that cannot be removed now go at the next opening.
  if (auto removed = remove_pending(*number); !removed)
    log_->warning(events::namespace_removed, core::format("\"{}\": its files are still there: {}",
                                                          name, to_string(removed.error())));
  return {};
}

result<void> lmdb_catalog::note_pending(std::uint64_t number) {
  HEARTH_TRY(auto transaction, environment_->begin_write());
  HEARTH_CHECK(transaction.put(tables_.pending, std::as_bytes(std::span(&number, 1)), {}));
  return transaction.commit();
}

result<void> lmdb_catalog::forget_pending(std::uint64_t number) {
  HEARTH_TRY(auto transaction, environment_->begin_write());
  HEARTH_CHECK(transaction.erase(tables_.pending, std::as_bytes(std::span(&number, 1))));
  return transaction.commit();
}

result<void> lmdb_catalog::enter(const std::string& name, std::uint64_t number) {
  std::vector<std::byte> value;
  begin_checked(value);
  byte_writer(value).u64(number);
  finish_checked(value, checksum(lmdb::as_key(name)));
  HEARTH_TRY(auto transaction, environment_->begin_write());
  HEARTH_CHECK(transaction.put(tables_.namespaces, lmdb::as_key(name), value));
  HEARTH_CHECK(transaction.erase(tables_.pending, std::as_bytes(std::span(&number, 1))));
  return transaction.commit();
}

result<void> lmdb_catalog::remove_pending(std::uint64_t number) {
  HEARTH_CHECK(remove_directory(directory_of(number)));
  return forget_pending(number);
}

result<void> lmdb_catalog::finish_interrupted() {
  std::vector<std::uint64_t> numbers;
  {
    HEARTH_TRY(const auto snapshot, environment_->begin_read());
    HEARTH_TRY(auto pending, snapshot.open_cursor(tables_.pending));
    HEARTH_TRY(bool more, pending.first());
    while (more) {
      std::uint64_t number = 0;
      if (pending.key().size() != sizeof number)
        return corrupt("the catalog's list of unfinished work");
      std::memcpy(&number, pending.key().data(), sizeof number);
      numbers.push_back(number);
      HEARTH_TRY(more, pending.next());
    }
  }
  for (const auto number : numbers) {
    const auto directory = directory_of(number).string();
    if (const auto removed = remove_pending(number); removed)
      log_->info(events::namespace_removed,
                 core::format("{} was left half made or half removed", directory));
    else  // it is nobody's namespace: the others need not wait for it
      log_->warning(events::namespace_removed, core::format("{}: {}; the next opening tries again",
                                                            directory, to_string(removed.error())));
  }
  return {};
}

}  // namespace

result<std::unique_ptr<catalog>> catalog::open(const std::filesystem::path& store,
                                               std::shared_ptr<logger> log) {
  std::error_code code;
  const auto absolute = std::filesystem::absolute(store, code);
  if (code)
    return std::unexpected(posix_error(code.value(), core::format("find {}", store.string())));
  const auto directory = absolute / "catalog";
  HEARTH_CHECK(make_directory(absolute));
  HEARTH_CHECK(make_directory(directory));
  HEARTH_CHECK(make_directory(absolute / "namespaces"));

  // A crash while the catalog was being created leaves no file, an empty one, or one without
  // tables; nothing can have been entered in it.
  lmdb::environment_options options;
  options.map_bytes = catalog_map_bytes;
  const auto size = std::filesystem::file_size(directory / "data.mdb", code);
  options.create = size == 0 || code == std::errc::no_such_file_or_directory;
  if (options.create && !std::filesystem::is_empty(absolute / "namespaces", code))
    return fail(errc::corruption,
                core::format("{} has namespaces but no catalog that names them", absolute.string()),
                "restore the store from a backup");
  HEARTH_TRY(auto environment, lmdb::environment::open(directory, options));
  HEARTH_TRY(auto transaction, environment->begin_write());
  HEARTH_TRY(const auto names, transaction.statistics(lmdb::table_names));
  HEARTH_TRY(const auto all, catalog_tables::open(transaction, names.ms_entries == 0));
  HEARTH_CHECK(transaction.commit());
  if (names.ms_entries == 0)
    HEARTH_CHECK(sync_directory(directory));
  auto opened =
      std::make_unique<lmdb_catalog>(absolute, std::move(log), std::move(environment), all);
  HEARTH_CHECK(opened->finish_interrupted());
  return opened;
}

}  // namespace hearth::storage
