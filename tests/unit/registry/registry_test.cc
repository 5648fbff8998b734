// What every Registry answers. A further store adds itself to make_stores().
#include "common/registry/registry.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <functional>
#include <thread>

#include "common/registry/sqlite_registry.h"

using namespace xos;

namespace {

struct TemporaryDirectory {
    std::string path = "/tmp/xos-registry-test-XXXXXX";
    TemporaryDirectory() { REQUIRE(mkdtemp(path.data()) != nullptr); }
    ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

// A store, and further connections to the same one.
using Opener = std::function<std::unique_ptr<Registry>()>;

struct Store {
    const char* name;
    Opener open;
};

std::vector<Store> make_stores(const TemporaryDirectory& directory) {
    return {{"sqlite", [&directory]() -> std::unique_ptr<Registry> {
                 auto registry = SqliteRegistry::open(directory.path + "/registry.sqlite");
                 REQUIRE(registry);
                 return std::move(*registry);
             }}};
}

void for_each_store(const std::function<void(const Opener&)>& test) {
    const TemporaryDirectory directory;
    for (const Store& store : make_stores(directory)) {
        INFO("store " << store.name);
        test(store.open);
    }
}

std::string keys_of(const std::vector<RegistryEntry>& entries) {
    std::string keys;
    for (const RegistryEntry& entry : entries) keys += entry.key + " ";
    return keys;
}

}  // namespace

TEST_CASE("put, get, erase go by revision") {
    for_each_store([](const Opener& open) {
        const auto registry = open();
        CHECK_FALSE(registry->get("a")->has_value());
        const auto first = registry->put("a", "1", 0);
        REQUIRE(first);
        CHECK(registry->put("a", "2", 0).error().code == Errc::conflict);
        CHECK(registry->put("b", "2", 77).error().code == Errc::conflict);
        const auto second = registry->put("a", "2", *first);
        REQUIRE(second);
        CHECK(*second > *first);
        CHECK(registry->put("a", "3", *first).error().code == Errc::conflict);
        const auto entry = registry->get("a");
        REQUIRE((entry && *entry));
        CHECK((*entry)->value == "2");
        CHECK((*entry)->revision == *second);
        CHECK(registry->erase("a", *first).error().code == Errc::conflict);
        CHECK(registry->erase("absent", 1).error().code == Errc::conflict);
        REQUIRE(registry->erase("a", *second));
        CHECK_FALSE(registry->get("a")->has_value());
        // a revision never comes back, or an old writer would win after an erasure
        CHECK(*registry->put("a", "4", 0) > *second);
    });
}

TEST_CASE("values are bytes, and what is there outlives the connection") {
    for_each_store([](const Opener& open) {
        const std::string value("a\0b\xff\n", 5);
        REQUIRE(open()->put("key", value, 0));
        REQUIRE(open()->put("empty", "", 0));
        const auto registry = open();
        CHECK((*registry->get("key"))->value == value);
        CHECK((*registry->get("empty"))->value.empty());
    });
}

TEST_CASE("list goes by prefix, in byte order") {
    for_each_store([](const Opener& open) {
        const auto registry = open();
        for (const char* key : {"vo/a/2", "vo/b/1", "vo/a/1", "vo/a", "vo0", "vo/a/\xff", "vo/a/%", "VO/a/1"})
            REQUIRE(registry->put(key, "x", 0));
        CHECK(keys_of(*registry->list("vo/a/")) == "vo/a/% vo/a/1 vo/a/2 vo/a/\xff ");
        CHECK(keys_of(*registry->list("vo/a/\xff")) == "vo/a/\xff ");
        CHECK(keys_of(*registry->list("vo/c")).empty());
        CHECK(registry->list("")->size() == 8);
    });
}

TEST_CASE("a commit is all or nothing") {
    for_each_store([](const Opener& open) {
        const auto registry = open();
        const uint64_t a = *registry->put("a", "1", 0);
        const std::vector<RegistryChange> stale = {{"b", 0, "new"}, {"a", a + 1, "2"}};
        CHECK(registry->commit(stale).error().code == Errc::conflict);
        CHECK_FALSE(registry->get("b")->has_value());
        CHECK((*registry->get("a"))->value == "1");
        const std::vector<RegistryChange> good = {{"b", 0, "new"}, {"a", a, std::nullopt}, {"c", 0, "new"}};
        const auto revision = registry->commit(good);
        REQUIRE(revision);
        CHECK_FALSE(registry->get("a")->has_value());
        CHECK((*registry->get("b"))->revision == *revision);
        CHECK((*registry->get("c"))->revision == *revision);
    });
}

TEST_CASE("changes are capped and make sense") {
    for_each_store([](const Opener& open) {
        const auto registry = open();
        const auto code = [&](const std::vector<RegistryChange>& changes) {
            return registry->commit(changes).error().code;
        };
        CHECK(code({}) == Errc::invalid);
        CHECK(code({{"", 0, "x"}}) == Errc::invalid);
        CHECK(code({{std::string(kRegistryKeyMax + 1, 'k'), 0, "x"}}) == Errc::invalid);
        CHECK(code({{std::string("k\0", 2), 0, "x"}}) == Errc::invalid);
        CHECK(code({{"k", 0, std::string(kRegistryValueMax + 1, 'v')}}) == Errc::invalid);
        CHECK(code({{"k", 0, "1"}, {"k", 0, "2"}}) == Errc::invalid);
        CHECK(code({{"k", 0, std::nullopt}}) == Errc::invalid);
        CHECK(code(std::vector<RegistryChange>(kRegistryCommitMax + 1, {"k", 0, "1"})) == Errc::invalid);
        CHECK(registry->put(std::string(kRegistryKeyMax, 'k'), std::string(kRegistryValueMax, 'v'), 0));
    });
}

TEST_CASE("two writers lose no step") {
    for_each_store([](const Opener& open) {
        REQUIRE(open()->put("count", "0", 0));
        const auto count_up = [](Registry& registry) {
            for (int done = 0; done < 20;) {
                const auto entry = registry.get("count");
                if (!entry || !*entry) return;
                if (registry.put("count", std::to_string(std::stoi((*entry)->value) + 1), (*entry)->revision))
                    ++done;
            }
        };
        const auto one = open(), other = open();
        std::thread thread([&] { count_up(*one); });
        count_up(*other);
        thread.join();
        CHECK((*open()->get("count"))->value == "40");
    });
}

TEST_CASE("the SQLite file is private") {
    const TemporaryDirectory directory;
    const std::string path = directory.path + "/registry.sqlite";
    REQUIRE((*SqliteRegistry::open(path))->put("a", "1", 0));
    struct stat status;
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    REQUIRE(truncate(path.c_str(), 100) == 0);
    const auto broken = SqliteRegistry::open(path);
    REQUIRE_FALSE(broken);
    CHECK(broken.error().message.contains(path));
}
