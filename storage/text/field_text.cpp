#include "storage/text/field_text.hpp"

#include "core/value_path.hpp"

namespace hearth::storage {

namespace {

void collect_texts(const value& item, std::string& out) {
  if (const auto* text = item.get_if<std::string>()) {
    out += out.empty() ? "" : "\n";
    out += *text;
  } else if (const auto* list = item.get_if<value_list>()) {
    for (const auto& each : *list)
      if (each.get_if<std::string>() != nullptr)
        collect_texts(each, out);
  }
}

}  // namespace

std::string text_at(const value_map& metadata, const field_path& path) {
  std::string text;
  if (const auto* const item = value_at(metadata, path))
    collect_texts(*item, text);
  return text;
}

}  // namespace hearth::storage
