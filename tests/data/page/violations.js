// Violations of the page's policy, as they happen.
window.violations = [];
addEventListener('securitypolicyviolation', (one) => violations.push(`${one.violatedDirective} ${one.blockedURI} ${one.sourceFile}`));
