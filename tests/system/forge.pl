#!/usr/bin/perl
# Forges credentials for the attack tests: the certificate of a member as the VO's CA would sign it, and the SSH
# certificate around it; right in everything but what it is told to spoil.
#   forge.pl [FIELD=VALUE..]          prints the SSH certificate, with print=1 the chain; %XX in a value is a byte
# template  a genuine chain (PEM): what is not told is as there. key, ca-key: PEM. ca: the CA's certificate, PEM
# X.509     vo login id number groups roles (the attributes), o cn (the subject), from until (seconds from now), serial
#           (hex), attributes (none, twice, critical, or hex), basic usage eku (hex; none), more (hex of an extension),
#           append (hex behind the certificate), behind (a file whose PEM goes behind the certificate)
# SSH       signer (another key), wrapped (another key is certified), key-id, principals, valid (FROM:UNTIL, in seconds
#           since 1970; "ever"), flags, critical (NAME:VALUE), pad (bytes), chain (once, twice, none, unsorted,
#           bare, or ./FILE), reserved
use strict;
use warnings;
use File::Temp qw(tempdir);
use POSIX qw(strftime);

my %is;
for (@ARGV) {
    my ($name, $value) = /^([a-z0-9-]+)=(.*)$/s or die "not FIELD=VALUE: $_\n";
    $value =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    $is{$name} = $value;
}
my $dir = tempdir(CLEANUP => 1);
my $temporary = 0;

sub slurp { my ($path) = @_; local $/; open my $f, '<:raw', $path or die "$path: $!\n"; my $text = <$f>; return $text }
sub spill { my ($bytes) = @_; my $path = "$dir/" . $temporary++; open my $f, '>:raw', $path or die; print $f $bytes; close $f or die; return $path }
sub base64 { # in one line; MIME::Base64 is not of perl-base
    my $text = join '', map { my $line = substr pack('u', $_), 1; chomp $line; $line } unpack '(a45)*', $_[0];
    $text =~ tr#` -_#AA-Za-z0-9+/#;
    my $missing = (3 - length($_[0]) % 3) % 3;
    substr($text, -$missing) = '=' x $missing if $missing;
    return $text;
}
sub unbase64 { return openssl('base64', '-d', '-A', '-in', spill($_[0] =~ s/\s//gr)) }
sub openssl { my $out = "$dir/out"; system('openssl', @_, '-out', $out) == 0 or die "openssl @_ failed\n"; return slurp($out) }

# ---- DER

sub tlv {
    my ($tag, $content) = @_;
    my $length = length $content;
    return chr($tag) . chr($length) . $content if $length < 128;
    my $bytes = pack 'N', $length;
    $bytes =~ s/^\0+//;
    return chr($tag) . chr(0x80 | length $bytes) . $bytes . $content;
}
sub parts { # the elements of a constructed value's content: [tag, content, whole]
    my ($bytes) = @_;
    my @found;
    while (length $bytes) {
        my ($tag, $length) = unpack 'CC', $bytes;
        my $head = 2;
        if ($length & 0x80) {
            my $count = $length & 0x7f;
            $length = unpack 'N', "\0" x (4 - $count) . substr $bytes, 2, $count;
            $head += $count;
        }
        push @found, [$tag, substr($bytes, $head, $length), substr($bytes, 0, $head + $length)];
        $bytes = substr $bytes, $head + $length;
    }
    return @found;
}
sub number { my ($value) = @_; my $bytes = pack 'N', $value; $bytes =~ s/^\0+(?=.)//s; return tlv(2, ($bytes =~ /^[\x80-\xff]/ ? "\0" : '') . $bytes) }
sub moment { return tlv(0x17, strftime('%y%m%d%H%M%SZ', gmtime $_[0])) }
sub pem_blocks { return map { unbase64($_) } $_[0] =~ /-----BEGIN CERTIFICATE-----\n(.*?)-----END/sg }
sub pem { return "-----BEGIN CERTIFICATE-----\n" . join('', map { "$_\n" } base64($_[0]) =~ /(.{1,64})/g) . "-----END CERTIFICATE-----\n" }
sub body_of { my @whole = parts($_[0]); my @three = parts($whole[0][1]); return parts($three[0][1]) } # of a certificate: its fields
sub extensions_of { my @list = parts($_[0][1]); return map { [(parts($_->[1]))[0][1], $_->[2], (parts($_->[1]))[-1][1]] } parts($list[0][1]) }

# ---- the X.509 certificate

my @SIGNATURES = (['ED25519' => "\x30\x05\x06\x03\x2b\x65\x70"], ['id-ecPublicKey' => "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"],
    ['rsaEncryption' => "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00"]);
my %OID = (basic => "\x55\x1d\x13", usage => "\x55\x1d\x0f", eku => "\x55\x1d\x25", aki => "\x55\x1d\x23", ski => "\x55\x1d\x0e");

sub public_key { return openssl('pkey', '-in', $_[0], '-pubout', '-outform', 'DER') }
sub key_kind {
    my ($spki) = @_;
    return 'ED25519' if index($spki, "\x06\x03\x2b\x65\x70") > 0;
    return index($spki, "\x2a\x86\x48\xce\x3d\x02\x01") > 0 ? 'id-ecPublicKey' : 'rsaEncryption';
}
sub sign { # KEY BYTES [DIGEST]
    my ($key, $bytes, $digest) = @_;
    my $in = spill($bytes);
    return openssl('pkeyutl', '-sign', '-rawin', '-inkey', $key, '-in', $in) if key_kind(public_key($key)) eq 'ED25519';
    return openssl('pkeyutl', '-sign', '-rawin', '-digest', $digest // 'sha256', '-inkey', $key, '-in', $in);
}
sub attribute_value { # from the genuine value: with the told fields in place of its own
    my ($genuine) = @_;
    return pack 'H*', $is{attributes} if ($is{attributes} // '') =~ /^(?:[0-9a-f]{2})+$/;
    my ($version, $vo, $id, $login, $member, $groups, $roles) = map { $_->[2] } parts((parts($genuine))[0][1]);
    my $text = sub { defined $is{$_[0]} ? tlv(0x0c, $is{$_[0]}) : $_[1] };
    my $list = sub { defined $is{$_[0]} ? tlv(0x30, join '', map { tlv(0x0c, $_) } split /,/, $is{$_[0]}) : $_[1] };
    return tlv(0x30, $version . $text->('vo', $vo) . $text->('id', $id) . $text->('login', $login)
        . (defined $is{number} ? number($is{number}) : $member) . $list->('groups', $groups) . $list->('roles', $roles));
}
sub extension { # OID VALUE CRITICAL, the OID's content
    my ($oid, $value, $critical) = @_;
    return tlv(0x30, tlv(6, $oid) . ($critical ? "\x01\x01\xff" : '') . tlv(4, $value));
}
sub extensions {
    my ($field, $spki, $ca) = @_;
    my $made = '';
    for my $one (extensions_of($field)) {
        my ($oid, $whole, $value) = @$one;
        my ($name) = grep { $OID{$_} eq $oid } keys %OID;
        if (!defined $name) {
            my $kind = $is{attributes} // '';
            next if $kind eq 'none';
            $made .= extension($oid, attribute_value($value), $kind eq 'critical') x ($kind eq 'twice' ? 2 : 1);
        } elsif ($name eq 'ski') {
            $made .= extension($oid, tlv(4, substr $spki, -20), 0); # any bytes will do
        } elsif ($name eq 'aki' && defined $is{ca}) {
            my ($ski) = map { $_->[2] } grep { $_->[0] eq $OID{ski} } extensions_of((body_of($ca))[-1]);
            $made .= extension($oid, tlv(0x30, tlv(0x80, (parts($ski))[0][1])), 0) if defined $ski;
        } elsif (defined $is{$name}) {
            $made .= extension($oid, pack('H*', $is{$name}), $name ne 'eku') if $is{$name} ne 'none';
        } else {
            $made .= $whole;
        }
    }
    return tlv(0xa3, tlv(0x30, $made . pack 'H*', $is{more} // ''));
}
sub subject { return tlv(0x30, join '', map { tlv(0x31, tlv(0x30, tlv(6, $_->[0]) . tlv(0x0c, $_->[1]))) } ["\x55\x04\x0a", $_[0]], ["\x55\x04\x03", $_[1]]) }
sub certificate {
    my @genuine = pem_blocks(slurp($is{template}));
    my ($version, undef, undef, $issuer, undef, $subject, undef, @rest) = map { $_->[2] } body_of($genuine[0]);
    my $ca = defined $is{ca} ? (pem_blocks(slurp($is{ca})))[0] : $genuine[1];
    $issuer = (body_of($ca))[5][2] if defined $is{ca};
    if (grep { defined $is{$_} } qw(vo login o cn)) {
        my ($o, $cn) = map { (parts((parts((parts($_->[1]))[0][1]))[1][2]))[0][1] } parts((parts($subject))[0][1]);
        $subject = subject($is{o} // $is{vo} // $o, $is{cn} // $is{login} // $cn);
    }
    my $spki = public_key($is{key});
    my ($algorithm) = map { $_->[1] } grep { $_->[0] eq key_kind(public_key($is{'ca-key'})) } @SIGNATURES;
    my $serial = pack 'H*', $is{serial} // sprintf '4%07x%08x', rand 0xfffffff, rand 0xffffffff;
    my $body = tlv(0x30, $version . tlv(2, $serial) . $algorithm . $issuer . tlv(0x30, moment(time + ($is{from} // -60)) . moment(time + ($is{until} // 3600)))
        . $subject . $spki . extensions((body_of($genuine[0]))[-1], $spki, $ca));
    return tlv(0x30, $body . $algorithm . tlv(3, "\0" . sign($is{'ca-key'}, $body))) . pack 'H*', $is{append} // '';
}

# ---- the SSH certificate: PROTOCOL.certkeys of OpenSSH

sub text { return pack 'N/a*', $_[0] }
sub mpint { my ($bytes) = @_; $bytes =~ s/^\0+(?=[\0-\x7f])//; return text($bytes) }
sub ssh_key { # KEY ; its kind and the fields of its public part
    my $spki = public_key($_[0]);
    my $bits = substr +(parts((parts($spki))[0][1]))[1][1], 1;
    return ('ssh-ed25519', text($bits)) if key_kind($spki) eq 'ED25519';
    return ('ecdsa-sha2-nistp256', text('nistp256') . text($bits)) if key_kind($spki) eq 'id-ecPublicKey';
    my ($n, $e) = map { $_->[1] } parts((parts($bits))[0][1]);
    return ('ssh-rsa', mpint($e) . mpint($n));
}
sub ssh_sign {
    my ($key, $body) = @_;
    my ($kind) = ssh_key($key);
    my $signature = sign($key, $body, $kind eq 'ssh-rsa' ? 'sha512' : 'sha256');
    $signature = join '', map { mpint($_->[1]) } parts((parts($signature))[0][1]) if $kind eq 'ecdsa-sha2-nistp256';
    return text(text($kind eq 'ssh-rsa' ? 'rsa-sha2-512' : $kind) . text($signature));
}
sub ssh_extensions {
    my ($chain) = @_;
    my $how = $is{chain} // 'once';
    my $flags = join '', map { text($_) . text('') } sort split /,/, $is{flags} // 'permit-pty';
    my $value = $how =~ m{/} ? slurp($how) : $chain;
    my $held = text('xos-cert@xtreemos.org') . text($how eq 'bare' ? $value : text($value));
    return $held . $flags if $how eq 'unsorted';
    return $flags . ($how eq 'none' ? '' : $held) . ($how eq 'twice' ? $held : '')
        . ($is{pad} ? text('zzz@example.org') . text('z' x $is{pad}) : '');
}
sub ssh_certificate {
    my ($chain) = @_;
    my ($kind, $fields) = ssh_key($is{wrapped} // $is{key});
    my ($signer_kind, $signer_fields) = ssh_key($is{signer} // $is{key});
    my ($from, $until) = $is{valid} && $is{valid} ne 'ever' ? split /:/, $is{valid} : (0, ~0);
    my $body = text("$kind-cert-v01\@openssh.com") . text('n' x 32) . $fields . pack('Q>', 1) . pack('N', 1) . text($is{'key-id'} // 'forged')
        . text(join '', map { text($_) } split /,/, $is{principals} // '') . pack('Q>Q>', $from, $until)
        . text(join '', map { my ($name, $value) = split /:/, $_, 2; text($name) . text(text($value)) } split /,/, $is{critical} // '')
        . text(ssh_extensions($chain)) . text($is{reserved} // '') . text(text($signer_kind) . $signer_fields);
    $body .= ssh_sign($is{signer} // $is{key}, $body);
    return "$kind-cert-v01\@openssh.com " . base64($body) . " forged\n";
}

my $chain = join '', map { defined $is{$_} ? slurp($is{$_}) : $_ eq 'self' ? pem(certificate()) : '' } qw(self behind);
print $is{print} ? $chain : ssh_certificate($chain);
