// xos resource request, install, forget: this machine as a node of a VO (for its owner, root).
#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/input_file.h"
#include "cli/node_resource.h"
#include "cli/output_file.h"
#include "cli/trusted_view.h"
#include "cli/varlink_call.h"
#include "common/clock.h"
#include "common/first_failure.h"

namespace xos {
namespace {

struct Options {
    std::string vo, file = "-", output = "-", name, site, host_key = kSshHostKey;
    std::vector<std::string> tags;
    uint64_t cpus = 0, memory = 0;
    bool show_here = false;
};

// The fingerprint that this node has pinned for vo.
Outcome<std::string> find_pin(const std::string& vo) {
    const auto trusted = list_trusted_vos();
    if (!trusted) return std::unexpected(trusted.error());
    for (const TrustedView& one : *trusted)
        if (one.vo == vo) return one.fingerprint;
    return failure(Errc::denied,
                   "VO {} is not trusted on this node: xos vo trust BUNDLE --fingerprint F comes first", vo);
}

Outcome<void> reload_node() {
    const auto answer = call_node("org.xtreemos.Node.Reload", JsonObject().build(), std::chrono::minutes(2));
    if (!answer) return std::unexpected(answer.error());
    return {};
}

// What xosd says of this machine, and the command's words in the place of that.
Outcome<NodeRecord> describe_machine(const Options& options) {
    const auto answer = call_node("org.xtreemos.Node.Identify", JsonObject().build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    NodeRecord node;
    FirstFailure first;
    first.take(node.name, root.string("name", kHostNameMax));
    first.take(node.attributes.site, root.string("site", kHostNameMax));
    first.take(node.attributes.cpus, root.integer("cpus", 0, UINT32_MAX));
    first.take(node.attributes.memory, root.integer("memory", 0, kSerialMax));
    const auto tags = root.field("tags");
    if (!tags) return std::unexpected(tags.error());
    const auto count = tags->array(kTagsMax);
    if (!count) return std::unexpected(count.error());
    for (size_t i = 0; i < *count; ++i) {
        std::string tag;
        first.take(tag, tags->at(i).string(kHostNameMax));
        node.attributes.tags.push_back(std::move(tag));
    }
    if (first) return first.get();
    if (!options.name.empty()) node.name = options.name;
    if (!options.site.empty()) node.attributes.site = options.site;
    if (!options.tags.empty()) node.attributes.tags = options.tags;
    if (options.cpus != 0)
        node.attributes.cpus = static_cast<uint32_t>(std::min<uint64_t>(options.cpus, UINT32_MAX));
    if (options.memory != 0) node.attributes.memory = options.memory;
    return node;
}

Outcome<int> request(const Options& options) {
    const auto node = describe_machine(options);
    if (!node) return std::unexpected(node.error());
    const auto resource = NodeResource::open(options.vo);
    if (!resource) return std::unexpected(resource.error());
    const auto text = resource->make_request(node->name, node->attributes, options.host_key);
    if (!text) return std::unexpected(text.error());
    if (auto written = write_output(options.output, *text); !written) return std::unexpected(written.error());
    if (options.output != "-")
        std::printf(
            "Request written to %s. The manager of the VO admits the node with: xos resource join %s %s -o "
            "FILE\n",
            options.output.c_str(), options.vo.c_str(), options.output.c_str());
    return kExitOk;
}

Outcome<int> install(const Options& options) {
    const auto text = read_input(options.file, kNodeRequestMax);
    if (!text) return std::unexpected(text.error());
    const auto vo = name_vo_of_answer(*text);
    if (!vo) return std::unexpected(vo.error());
    const auto pin = find_pin(*vo);
    if (!pin) return std::unexpected(pin.error());
    const auto resource = NodeResource::open(*vo);
    if (!resource) return std::unexpected(resource.error());
    const std::string shown = find_shown_vo(*vo);
    const bool show = shown.empty() || options.show_here || resource->shows_host_certificate();
    const auto name = resource->install(*text, *pin, options.host_key, show, current_time());
    if (!name) return std::unexpected(name.error());
    if (show && !shown.empty()) {
        const auto other = NodeResource::open(shown);
        if (!other) return std::unexpected(other.error());
        if (auto hidden = other->hide_host_certificate(); !hidden) return std::unexpected(hidden.error());
    }
    if (auto reloaded = reload_node(); !reloaded) return std::unexpected(reloaded.error());
    std::printf("this machine is %s of %s\n", name->c_str(), vo->c_str());
    if (!show)
        std::printf(
            "sshd goes on to show the host certificate of %s: one host key has one certificate. Members of "
            "%s "
            "are asked about the host key; --host-certificate changes that\n",
            shown.c_str(), vo->c_str());
    return kExitOk;
}

Outcome<int> forget(const Options& options) {
    const auto resource = NodeResource::open(options.vo);
    if (!resource) return std::unexpected(resource.error());
    const auto removed = resource->remove();
    if (!removed) return std::unexpected(removed.error());
    if (!*removed) return failure(Errc::not_found, "this machine is no node of {}", options.vo);
    if (auto reloaded = reload_node(); !reloaded) return std::unexpected(reloaded.error());
    std::printf("this machine is no node of %s any more\n", options.vo.c_str());
    return kExitOk;
}

}  // namespace

void add_resource_commands(CommandTable& table) {
    const auto options = std::make_shared<Options>();
    table
        .add("resource request", "Ask for this machine to be a node of a VO (root)",
             [options] { return request(*options); })
        .required("VO", options->vo, "")
        .option("-o,--output", options->output, "file for the request; - (the default) is standard output")
        .option(
            "--name", options->name,
            "what members give to ssh; where absent, as xos-node.yaml(5) and the machine say, like the rest")
        .option("--site", options->site, "where it stands")
        .option("--tag", options->tags, "what it is good for; may be repeated")
        .option("--cpus", options->cpus, "processors")
        .option("--memory", options->memory, "MiB")
        .option("--host-key", options->host_key, "the public SSH host key (Ed25519)");
    table
        .add("resource install", "Make this machine a node of a VO, with the answer to its request (root)",
             [options] { return install(*options); })
        .optional("FILE", options->file, "the answer; - (the default) is standard input")
        .option("--host-key", options->host_key, "the public SSH host key (Ed25519)")
        .flag("--host-certificate", options->show_here,
              "sshd shows this VO's certificate in place of another VO's");
    table
        .add("resource forget", "Let this machine be no node of a VO any more (root)",
             [options] { return forget(*options); })
        .required("VO", options->vo, "");
}

}  // namespace xos
