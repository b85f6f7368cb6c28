#include "raw_rpc.hpp"

#include <capnp/message.h>
#include <capnp/rpc.capnp.h>
#include <capnp/schema.h>
#include <capnp/serialize.h>

#include <cstring>

#include "ipc/schema.hpp"

namespace hearth::ipc::test {

namespace {

constexpr std::uint16_t login_method = 0;
constexpr std::uint16_t open_method = 0;
constexpr std::uint16_t search_method = 1;
constexpr std::uint16_t flush_method = 5;

// Where in its struct the pointer of a field of the group `ok` lies.
template <class Reply>
std::uint16_t ok_pointer(const char* name) {
  const auto group = capnp::Schema::from<Reply>().getFieldByName("ok").getType().asStruct();
  return static_cast<std::uint16_t>(group.getFieldByName(name).getProto().getSlot().getOffset());
}

std::string flat(capnp::MallocMessageBuilder& message) {
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asChars();
  return {bytes.begin(), bytes.size()};
}

// A call of `method` on the capability in the answer to `question`; without a pointer, on the
// answer itself.
template <class Params, class Fill>
std::string call(std::uint32_t id, std::uint32_t question, const std::uint16_t* pointer,
                 std::uint64_t interface_id, std::uint16_t method, Fill fill) {
  capnp::MallocMessageBuilder message;
  auto call = message.initRoot<capnp::rpc::Message>().initCall();
  call.setQuestionId(id);
  call.setInterfaceId(interface_id);
  call.setMethodId(method);
  auto target = call.initTarget().initPromisedAnswer();
  target.setQuestionId(question);
  if (pointer != nullptr)
    target.initTransform(1)[0].setGetPointerField(*pointer);
  fill(call.initParams().getContent().initAs<Params>());
  return flat(message);
}

}  // namespace

raw_rpc& raw_rpc::bootstrap_and_login(std::uint16_t major) {
  capnp::MallocMessageBuilder message;
  const std::uint32_t bootstrap = next_++;
  message.initRoot<capnp::rpc::Message>().initBootstrap().setQuestionId(bootstrap);
  bytes_ += flat(message);
  login_ = next_++;
  bytes_ +=
      call<schema::Gate::LoginParams>(login_, bootstrap, nullptr, capnp::typeId<schema::Gate>(),
                                      login_method, [&](auto params) { params.setMajor(major); });
  return *this;
}

raw_rpc& raw_rpc::open() {
  bootstrap_and_login(protocol_major);
  open_ = next_++;
  const auto session = ok_pointer<schema::LoginReply>("session");
  bytes_ += call<schema::Session::OpenNamespaceParams>(
      open_, login_, &session, capnp::typeId<schema::Session>(), open_method, [](auto params) {
        params.setName("docs");
        params.setMode(schema::OpenMode::OPEN);
      });
  return *this;
}

raw_rpc& raw_rpc::search(std::uint32_t k) {
  const auto ns = ok_pointer<schema::OpenReply>("namespace");
  bytes_ += call<schema::SearchQuery>(next_++, open_, &ns, capnp::typeId<schema::Namespace>(),
                                      search_method, [k](auto params) {
                                        auto vectors = params.initVectors();
                                        vectors.setRows(1);
                                        vectors.setDimension(4);
                                        vectors.initValues(16);
                                        params.setK(k);
                                      });
  return *this;
}

raw_rpc& raw_rpc::flush(std::uint64_t lsn) {
  const auto ns = ok_pointer<schema::OpenReply>("namespace");
  bytes_ += call<schema::Namespace::FlushParams>(next_++, open_, &ns,
                                                 capnp::typeId<schema::Namespace>(), flush_method,
                                                 [lsn](auto params) { params.setLsn(lsn); });
  return *this;
}

std::string frame_header(std::uint32_t words) {
  std::string header(8, '\0');
  std::memcpy(header.data() + 4, &words, sizeof words);
  return header;
}

}  // namespace hearth::ipc::test
